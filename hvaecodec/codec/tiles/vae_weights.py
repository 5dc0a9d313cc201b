"""Files of the papers' VAEs: half-precision weights that name their net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load as load_tensors
from safetensors.torch import save
from torch import Tensor

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.weights import BITSTREAM, half_precision, read_weights
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import net

FILE = "generator.safetensors"
TABLES = BITSTREAM  # of the context, for `context_stream`


def vae_bytes(vae: Vdvae, name: str) -> bytes:
    """A net as safetensors, floats in half precision. Raises ValueError if one does not fit."""
    return save(half_precision(vae), {"config": name})


def read_vae(path: Path) -> Vdvae:
    """The net of a file, or of the file in a folder, in float32 and frozen. Raises CodecUnavailable.

    >>> from hvaecodec.codec.bits_back.chain import BitsBack
    >>> from hvaecodec.codec.registry import WEIGHTS
    >>> net = read_vae(WEIGHTS / "dct-vae-mnist")           # or "vdvae-mnist"
    >>> nats = net.bound(x).total()                         # x: float (B, 1, 28, 28) of 0 and 1; -ELBO, (B,)
    >>> chain = BitsBack(net).encode(x.byte().numpy())      # lossless; chain.data are the bytes of all B pictures
    """
    path = path / FILE if path.is_dir() else path
    data, metadata = read_weights(path)
    try:
        return build_vae(metadata, load_tensors(data))
    except (ValueError, RuntimeError) as cause:
        raise CodecUnavailable(f"cannot use the weights in {path}: {cause}") from cause


def build_vae(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Vdvae:
    """The net of a file's metadata and tensors, in float32, frozen."""
    vae = Vdvae(net(metadata["config"]))
    vae.load_state_dict({key: v.float() if v.is_floating_point() else v for key, v in tensors.items()})
    return vae.eval().requires_grad_(False)
