"""The seam between codecs and the libraries that run their nets: one module here for each family and library.

A codec's walk from pixels to bytes and back imports no torch. What it needs nets for it asks of a backend, an object
behind the family's protocol (`hvaecodec.codec.photo.nets` has that of the photo codec). Which library serves is decided
when a codec's weights load: the one that HVAECODEC_BACKEND names, else torch where it is installed, else onnx.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hvaecodec.codec.errors import CodecUnavailable

VARIABLE = "HVAECODEC_BACKEND"
MAX_EFFORT = {"torch": 3, "onnx": 1}  # of every library, the highest effort of encoding; above 1 there are gradients


def library_in_use() -> str:
    """Return the library that codecs are loaded with from now on: "torch" or "onnx".

    Raises CodecUnavailable if HVAECODEC_BACKEND names another one, or torch where it is not installed.
    """
    library = os.environ.get(VARIABLE) or ("torch" if torch_is_installed() else "onnx")
    if library not in MAX_EFFORT:
        raise CodecUnavailable(f"{VARIABLE} is {library!r}; it must be {' or '.join(MAX_EFFORT)}, or not be set")
    if library == "torch":
        require_torch(f"{VARIABLE}=torch")
    return library


def torch_is_installed() -> bool:
    """Return whether PyTorch could be imported; it is not imported for that."""
    try:
        return find_spec("torch") is not None
    except (ImportError, ValueError):  # something keeps it from being imported
        return False


def require_torch(what: str) -> None:
    """Raise CodecUnavailable, naming the extra that brings it, unless PyTorch is installed. what: needs it."""
    if not torch_is_installed():
        raise torch_is_needed(what)


def torch_is_needed(what: str) -> CodecUnavailable:
    """Return the error of what needs PyTorch and does not have it."""
    way = f"unset {VARIABLE}" if torch_is_installed() else "pip install 'hvaecodec[torch]'"
    return CodecUnavailable(f"{what} needs PyTorch: {way}")


@cache
def load_backend(family: str, library: str) -> Any:
    """Return the module by which a library runs a family of codecs, such as "photo" or "hqa".

    library: "torch", "onnx", which is ONNX Runtime and numpy, or "numpy" for the plain reference of the integers alone.
    The module is imported at the first call. Raises ModuleNotFoundError where there is none.
    """
    return import_module(f"{__name__}.{library}_{family}")
