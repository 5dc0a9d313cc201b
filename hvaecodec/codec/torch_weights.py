"""Weights between files and torch: arrays of a file as float32 tensors, and a net's tensors in half precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from hvaecodec.codec.add_texture import DrawTexture, Noise
from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.weight_folders import config_of
from hvaecodec.models.processor import bfloat16_is_faster
from hvaecodec.models.texture import Texture
from hvaecodec.models.texture_config import TextureConfig

CALLS_PER_TENSOR = 60  # of functions of torch while a net is made; ours need up to 18
_DRAWN: Any = (torch.rand, torch.randn)
_DRAWN_INTO: Any = (torch.Tensor.uniform_, torch.Tensor.normal_)
_FILLED: Any = (torch.empty, torch.zeros, torch.ones, *_DRAWN)
_DEFAULT_DTYPE: Any = (*_FILLED, torch.full, torch.linspace)  # they take the process's where none is stated

N = TypeVar("N", bound=nn.Module)


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


def build_net(make: Callable[[], N], tensors: Mapping[str, torch.Tensor]) -> N:
    """Build a net whose weights are the tensors of a file: in evaluation mode, without gradients.

    make: makes a net of the configuration that the file states. No random number is drawn for it, what it does not
    state the dtype of is float32, and no configuration takes more memory than the file's tensors imply. Raises
    ValueError if the tensors are not those of the net.
    """
    with _Bounded(tensors):
        net = make()
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    for name in sorted(wanted.keys() | tensors.keys()):
        shape = tuple(tensors[name].shape) if name in tensors else None
        if wanted.get(name) != shape:
            raise ValueError(f"{name!r} is {shape}, and {wanted.get(name)} by its config")
    net.load_state_dict(dict(tensors))
    return net.eval().requires_grad_(False)


class _Bounded(TorchFunctionMode):
    """Lets a net be made of as many numbers as some tensors hold, about, and draws none: all will be overwritten.

    Numbers are float32 where the net does not say what they are, whatever the default of the process.

    Raises ValueError where a net needs far more numbers, or calls of torch's functions, than such tensors account for.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.calls = CALLS_PER_TENSOR * (len(tensors) + 10)
        self.numbers = 2 * sum(value.numel() for value in tensors.values()) + (1 << 20)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.calls -= 1
        if func in _FILLED:
            self.numbers -= math.prod(torch.Size(args[0] if isinstance(args[0], Sequence) else args))
        if self.calls < 0 or self.numbers < 0:
            raise ValueError("its config describes a larger net than it holds tensors of")
        if func in _DEFAULT_DTYPE and kwargs.get("dtype") is None:
            kwargs = kwargs | {"dtype": torch.float32}
        if getattr(func, "__module__", "") == "torch.nn.init" or func in _DRAWN_INTO:
            return args[0] if args else kwargs["tensor"]
        return (torch.zeros if func in _DRAWN else func)(*args, **kwargs)


def build_texture(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Texture:
    """Build a texture net from a file's metadata and arrays: float32, in evaluation mode, without gradients."""
    config = config_from(TextureConfig, config_of(metadata))
    return build_net(lambda: Texture(config), float_tensors(arrays))


def texture_drawer(net: Texture, rate: torch.Tensor) -> DrawTexture:
    """Return what runs a texture's net at a rate, (1, 8); in bfloat16 where that is faster."""

    def draw(picture: np.ndarray, noise: Noise) -> np.ndarray:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_faster()):
            texture = net(torch.from_numpy(picture), rate, lambda *place: torch.from_numpy(noise(*place)))
        return np.asarray(texture.numpy())

    return draw
