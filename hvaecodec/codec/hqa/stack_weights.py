"""Weights of whole HQA stacks as safetensors: half precision, the configuration of every layer in the metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save

from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.torch_weights import build_net, float_tensors, half_precision
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, usable
from hvaecodec.models.hqa.build import Config, make_stack
from hvaecodec.models.hqa.stack import HqaStack, LayerConfig
from hvaecodec.models.hqa.vqvae import VqVaeConfig

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
    with usable(f"cannot read the layers in {file}"):
        weights = read_weights(file)
        configs = [layer_config_of(layer) for layer in config_of(weights.metadata)]
        return build_net(lambda: make_stack(configs), float_tensors(weights.arrays)).freeze()


def layer_config_of(fields: Any) -> Config:
    """Make the configuration of a layer of the fields that a file states. Raises ValueError."""
    if isinstance(fields, dict) and "widths" in fields:
        return config_from(VqVaeConfig, fields)
    return config_from(LayerConfig, fields)
