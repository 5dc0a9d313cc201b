"""The file of weights of an srVAE, or of its single-level twin: half precision, its configuration beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.dense import Dense
from hvaecodec.models.srvae import SingleVae, SrVae, SrVaeConfig, VaeConfig, make

FILE = "generator.safetensors"
TABLES = BITSTREAM  # of y, for `small_picture`
_KINDS: dict[str, Any] = {"vae": VaeConfig, "srvae": SrVaeConfig}


def model_bytes(model: SingleVae | SrVae) -> bytes:
    """Raises ValueError if a weight does not fit half precision."""
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in model.state_dict().items()}
    if not all(value.isfinite().all() for value in tensors.values()):
        raise ValueError("a weight is too large for half precision, or not a number")
    kind = next(name for name, config in _KINDS.items() if isinstance(model.config, config))
    return save(tensors, {"kind": kind, "config": json.dumps(dataclasses.asdict(model.config))})


def load_model(path: Path) -> SingleVae | SrVae:
    """A model in float32, frozen. Raises CodecUnavailable."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return build_model(file.metadata() or {}, tensors)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as cause:
        raise CodecUnavailable(f"cannot read the weights {path}: {cause}") from cause


def build_model(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> SingleVae | SrVae:
    """The model of a file's metadata and tensors, in float32, frozen."""
    fields: dict[str, Any] = json.loads(metadata["config"])
    nets = {name: Dense(**value) if isinstance(value, dict) else value for name, value in fields.items()}
    model = make(_KINDS[metadata["kind"]](**nets))
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    return model.eval().requires_grad_(False)
