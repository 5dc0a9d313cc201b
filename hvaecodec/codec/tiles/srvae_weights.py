"""The file of weights of an srVAE, or of its single-level twin: half precision, the configuration in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save

from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.torch_weights import build_net, float_tensors, half_precision
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, usable
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.srvae.config import SrVaeConfig, VaeConfig
from hvaecodec.models.srvae.srvae import SingleVae, SrVae, make

FILE = "generator.safetensors"
TABLES = BITSTREAM  # of y, for `lossless_rgb`
_KINDS: dict[str, Any] = {"vae": VaeConfig, "srvae": SrVaeConfig}


def model_bytes(model: SingleVae | SrVae) -> bytes:
    """Serialise a model as safetensors; equal weights make equal files.

    Raises ValueError if a weight does not fit half precision.
    """
    kind = next(name for name, config in _KINDS.items() if isinstance(model.config, config))
    return save(half_precision(model), {"config": json.dumps({"kind": kind} | dataclasses.asdict(model.config))})


def load_model(path: Path) -> SingleVae | SrVae:
    """Load a model from a file or from the folder that holds it: float32, frozen. Raises CodecUnavailable."""
    path = path / FILE if path.is_dir() else path
    with usable(f"cannot use the weights in {path}"):
        weights = read_weights(path)
        return build_model(weights.metadata, weights.arrays)


def build_model(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> SingleVae | SrVae:
    """Build the model of a file's metadata and arrays: float32, frozen."""
    fields = config_of(metadata)
    kind = _KINDS[fields.pop("kind")]
    config = config_from(kind, fields)
    return build_net(lambda: make(config), float_tensors(arrays))
