"""What has glibc's allocator hold less memory that is free, in work that takes long and much of it."""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from typing import Any

_ARENA_MAX = -8  # of malloc.h


def share_one_pool() -> None:
    """Have glibc serve all threads from one arena; with another allocator do nothing.

    Of arenas of their own, each keeps what it once had, where the others cannot use it. This holds for the whole
    process from then on, and only if no thread has asked for memory yet, so it is for a command and not for the
    library.
    """
    glibc = _glibc()
    if glibc is not None:
        glibc.mallopt(_ARENA_MAX, 1)


def hand_back_memory() -> None:
    """Have glibc give all of its free pages back, also those between others; with another allocator do nothing.

    Otherwise pages that one part of the work freed are missing where the next part asks for larger pieces.
    """
    glibc = _glibc()
    if glibc is not None:
        glibc.malloc_trim(0)


@cache
def _glibc() -> Any:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
