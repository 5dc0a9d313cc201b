"""The memory settings under which commands that train start themselves."""

from __future__ import annotations

import os
import platform
import sys

# glibc hands freed pages back to the system and faults them in again at every step, a third of the time of training
# on CPUs; kept pages cost memory that training has.
_KEEP_PAGES = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}


def keep_pages() -> None:
    """Start this command again under another setting of glibc's allocator, which reads it only as a process starts."""
    if platform.libc_ver()[0] == "glibc" and not all(name in os.environ for name in _KEEP_PAGES):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], _KEEP_PAGES | os.environ)
