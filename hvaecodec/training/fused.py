"""Training losses as fused code, where the machine has what torch.compile needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])


def fused(function: F, wanted: bool, device: torch.device) -> F:
    """`function` of tensors of fixed shapes, compiled if wanted; on a CPU that takes a C++ compiler, else it stays as it is.

    Results differ from the others' in rounding, so a run that goes on elsewhere is the same run only up to that.
    """
    if not wanted or (device.type == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None):
        return function
    return torch.compile(function, dynamic=False)  # type: ignore[return-value]
