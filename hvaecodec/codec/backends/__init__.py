"""The seam between codecs and the library that runs their nets: one module here for each family and library.

A codec's walk from pixels to bytes and back imports no torch. What it needs nets for it asks of a backend, an object
behind the family's protocol (`hvaecodec.codec.photo.nets` has that of the photo codec).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

_LIBRARY = "torch"  # the only one so far


@cache
def load_backend(family: str) -> Any:
    """Return the module that runs the nets of a family of codecs, such as "photo" or "hqa".

    The module is imported at the first call and stays the same afterwards. Raises ModuleNotFoundError for a family
    that has no backend.
    """
    return import_module(f"{__name__}.{_LIBRARY}_{family}")
