"""Hands memory that was freed back to the system, between the parts of work that takes long and much of it."""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from typing import Any


def hand_back_memory() -> None:
    """Have glibc give all of its free pages back, also those between others; with another allocator do nothing.

    Otherwise pages that one part of the work freed are missing where the next part asks for larger pieces.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    if platform.libc_ver()[0] != "glibc":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
