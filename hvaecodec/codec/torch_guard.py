"""Guards around the nets of a codec: whatever the caller has set for PyTorch, pictures and symbols do not change.

Nothing here changes what another thread sees. Dtypes are stated wherever tensors are made, since the default one
belongs to the whole process; the rest of what a caller may set belongs to a thread, and ours run nothing else
(`own_thread`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch

from hvaecodec.models.side_by_side import crew, dividing, n_threads

# In torch's folder: what has, or is linked with what has, the C functions that set the number of threads.
_LIBRARIES = ("libtorch_cpu.so", "libtorch_cpu.dylib", "torch_cpu.dll", "libiomp5md.dll")
_SETTERS = ("omp_set_num_threads", "MKL_Set_Num_Threads_Local")  # both for the calling thread alone


def threads_of_caller() -> int:
    """Return on how many threads this thread's loops in PyTorch run."""
    return int(torch.get_num_threads())


@contextmanager
def settled(threads: int) -> Iterator[None]:
    """Settle a thread of ours for a block, in which pieces of the work may take so many threads, this one among them.

    Every thread computes alone: loops that OpenMP divides are small and many, and its threads would spin between them.
    """
    settle_thread()
    with crew(threads if torch.get_num_threads() == 1 else 1, settle_thread):
        yield


def settle_thread() -> None:
    """Let this thread compute alone, and keep denormal numbers, which it inherited from the one that started it.

    `torch.set_num_threads` would change later threads of the caller as well.
    """
    torch.set_flush_denormal(False)
    torch.get_num_threads()  # PyTorch would otherwise set the number in this thread later, at its first loop
    _set_threads(1)


@contextmanager
def divided_loops(worthwhile: bool) -> Iterator[None]:
    """Let loops of this thread of ours be divided among all its threads, if they are long enough to be worth that.

    For what has no pieces of its own.
    """
    if not worthwhile or n_threads() == 1:
        yield
        return
    with dividing(_set_threads):
        yield


def _set_threads(number: int) -> None:
    for setter in _setters():
        setter(number)


@cache
def _setters() -> list[Any]:
    """The functions that set the number of threads of the calling thread, as far as this build of PyTorch has them."""
    setters: dict[str, Any] = {}
    for name in _LIBRARIES:
        with suppress(OSError):
            library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name))
            setters |= {setter: getattr(library, setter) for setter in _SETTERS if hasattr(library, setter)}
    return list(setters.values())


@contextmanager
def without_autocast() -> Iterator[None]:
    """Run nets without gradients, and without the caller's autocast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield
