"""The seam between codecs and the libraries that run their nets: one module here for each family and library.

A codec's walk from pixels to bytes and back imports no torch. What it needs nets for it asks of a backend, an object
behind the family's protocol (`hvaecodec.codec.photo.nets` has that of the photo codec).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


@cache
def load_backend(family: str, library: str = "torch") -> Any:
    """Return the module by which a library runs a family of codecs, such as "photo" or "hqa".

    library: "torch", or "numpy" for the plain reference of the integers alone. The module is imported at the first
    call. Raises ModuleNotFoundError where there is none.
    """
    return import_module(f"{__name__}.{library}_{family}")
