"""Weights of whole HQA stacks as safetensors: half precision, the configuration of every layer in the metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.models.hqa.build import config_from, make_stack
from hvaecodec.models.hqa.stack import HqaStack

if TYPE_CHECKING:
    from hvaecodec.models.hqa.build import Config

FILE = "layers.safetensors"


def stack_bytes(stack: HqaStack, configs: Sequence[Config]) -> bytes:
    """Serialise a stack as the content of a file.

    configs: those of its layers, the bottom layer first. Raises ValueError if a weight does not fit half precision.
    """
    return save(half_precision(stack), {"config": json.dumps([asdict(config) for config in configs])})


def load_stack(path: Path) -> HqaStack:
    """Load a stack from a file or from the folder that holds it: float32, in evaluation mode, without gradients.

    Raises CodecUnavailable.

    >>> from hvaecodec.codec.registry import WEIGHTS
    >>> digits = load_stack(WEIGHTS / "hqa-mnist")          # layers of 2048, 512, 128, 32 and 8 bits a digit
    >>> indices = digits.indices(x, 4)                      # x: float (B, 1, 32, 32), ink is 1
    >>> x_hat = digits.decode(indices, 4)
    """
    file = path / FILE if path.is_dir() else path
    try:
        with safe_open(file, "pt") as content:
            raw = json.loads((content.metadata() or {})["config"])
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        stack = make_stack([config_from(layer) for layer in raw])
        stack.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as cause:
        raise CodecUnavailable(f"cannot read the layers in {file}: {cause}") from cause
    return stack.freeze()
