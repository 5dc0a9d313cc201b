"""The file of weights of an srVAE, or of its single-level twin: half precision, the configuration in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.torch import save

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.torch_weights import float_tensors, half_precision
from hvaecodec.codec.weights import BITSTREAM, read_weights
from hvaecodec.models.srvae.config import SrVaeConfig, VaeConfig
from hvaecodec.models.srvae.dense import Dense
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
    data, metadata = read_weights(path)
    try:
        return build_model(metadata, load_arrays(data))
    except (ValueError, KeyError, TypeError, RuntimeError) as cause:
        raise CodecUnavailable(f"cannot use the weights in {path}: {cause}") from cause


def build_model(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> SingleVae | SrVae:
    """Build the model of a file's metadata and arrays: float32, frozen."""
    fields: dict[str, Any] = json.loads(metadata["config"])
    kind = _KINDS[fields.pop("kind")]
    nets = {name: Dense(**value) if isinstance(value, dict) else value for name, value in fields.items()}
    model = make(kind(**nets))
    model.load_state_dict(float_tensors(arrays))
    return model.eval().requires_grad_(False)
