"""Files of the papers' VAEs: weights in half precision, the configuration of the net in the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.torch import save

from hvaecodec.codec.tiles.vae_config import config_from_fields, config_to_json
from hvaecodec.codec.torch_weights import build_net, float_tensors, half_precision
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, usable
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.vdvae.net import Vdvae

FILE = "generator.safetensors"
TABLES = BITSTREAM  # of the context, for `context_stream`


def vae_bytes(vae: Vdvae) -> bytes:
    """Serialise a net as safetensors; equal weights make equal files.

    Raises ValueError if a weight does not fit half precision.
    """
    return save(half_precision(vae), {"config": config_to_json(vae.config)})


def read_vae(path: Path) -> Vdvae:
    """Load the net of a file, or of the file in a folder: float32, frozen. Raises CodecUnavailable.

    >>> from hvaecodec.codec.bits_back.chain import BitsBack
    >>> from hvaecodec.codec.registry import WEIGHTS
    >>> net = read_vae(WEIGHTS / "dct-vae-mnist")           # or "vdvae-mnist"
    >>> nats = net.bound(x).total()                         # x: float (B, 1, 28, 28) of 0 and 1; -ELBO, (B,)
    >>> chain = BitsBack(net).encode(x.byte().numpy())      # lossless; chain.data are the bytes of all B pictures
    """
    path = path / FILE if path.is_dir() else path
    with usable(f"cannot use the weights in {path}"):
        weights = read_weights(path)
        return build_vae(weights.metadata, weights.arrays)


def build_vae(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Vdvae:
    """Build the net of a file's metadata and arrays: float32, frozen."""
    config = config_from_fields(config_of(metadata))
    return build_net(lambda: Vdvae(config), float_tensors(arrays))
