"""Training losses as fused code, where the machine has what torch.compile needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from hvaecodec.training.place import Place

F = TypeVar("F", bound=Callable[..., Any])


def fuse_loss(loss: F, place: Place) -> F:
    """Compile a loss over tensors of fixed shapes if the place asks for it, or return it as it is.

    On a CPU that takes a C++ compiler; without one the loss stays as it is. Fused results differ in rounding from the
    others, so a run that goes on elsewhere is the same run only up to that.
    """
    if not place.compiled or (place.device.type == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None):
        return loss
    return torch.compile(loss, dynamic=False)  # type: ignore[return-value]
