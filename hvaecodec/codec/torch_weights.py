"""Weights between files and torch: arrays of a file as float32 tensors, and a net's tensors in half precision."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from hvaecodec.codec.add_texture import DrawTexture, Noise
from hvaecodec.codec.torch_guard import has_bfloat16
from hvaecodec.models.texture import Texture
from hvaecodec.models.texture_config import TextureConfig


def float_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Copy a file's arrays into tensors of the same shapes, floats as float32 and integers as they are."""
    return {
        name: torch.from_numpy(array.astype(np.float32) if array.dtype.kind == "f" else array.copy())
        for name, array in arrays.items()
    }


def half_precision(net: nn.Module) -> dict[str, torch.Tensor]:
    """Return a net's weights as files keep them: on the CPU, floats in half precision.

    Raises ValueError if a weight does not fit half precision or is not a number.
    """
    tensors = {}
    for name, value in net.state_dict().items():
        weight = value.detach().cpu()
        tensors[name] = (weight.half() if weight.is_floating_point() else weight).contiguous()
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} is too large for half precision, or not a number")
    return tensors


def build_texture(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Texture:
    """Build a texture net from a file's metadata and arrays: float32, in evaluation mode, without gradients."""
    net = Texture(TextureConfig(**json.loads(metadata["config"])))
    net.load_state_dict(float_tensors(arrays))
    return net.eval().requires_grad_(False)


def texture_drawer(net: Texture, rate: torch.Tensor) -> DrawTexture:
    """Return what runs a texture's net at a rate, (1, 8); in bfloat16 where the processor multiplies it."""

    def draw(picture: np.ndarray, noise: Noise) -> np.ndarray:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
            texture = net(torch.from_numpy(picture), rate, lambda *place: torch.from_numpy(noise(*place)))
        return np.asarray(texture.numpy())

    return draw
