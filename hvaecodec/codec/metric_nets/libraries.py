"""Imports the libraries of perceptual metrics without their warnings, and reads the weights that they bring."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.metric_nets import convolutions, torchvision_schemas

INSTALL = "pip install 'hvaecodec[perceptual]'"


def library(name: str) -> Any:
    """Import a library without its warnings and return it. Raises CodecUnavailable if it cannot be imported."""
    torchvision_schemas.declare()
    try:
        with quiet():
            return importlib.import_module(name)
    except (ImportError, RuntimeError, AttributeError) as cause:
        raise CodecUnavailable(f"{name} does not import ({cause}); {INSTALL}") from cause


def library_folder(name: str) -> Path:
    """Return the folder of a library without importing it. Raises CodecUnavailable if it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CodecUnavailable(f"{name} is not installed; {INSTALL}")
    return Path(spec.origin).parent


def torch_tensors(arrays: convolutions.Tensors) -> dict[str, Any]:
    """Return arrays as tensors by the same names."""
    import torch

    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def read_package_weights(path: Path) -> dict[str, Any]:
    """Return the weights that an installed package brings, read without running what their file may name."""
    import torch

    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


@contextmanager
def without_numbers() -> Iterator[None]:
    """Make networks in a block without memory and random draws for weights, which are put in afterwards."""
    import torch

    with torch.device("meta"):  # of this thread alone
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Silence in a block the libraries' warnings about each other's versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
