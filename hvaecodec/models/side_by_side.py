"""Runs the pieces of a computation side by side, on a few threads that each compute alone.

Loops that a library divides among threads by itself wait for each other thousands of times in a picture, spinning; on
busy cores such a wait can take a whole time slice. Here pieces are few and large, such as rows of tiles, and waiting
threads sleep.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

_current = threading.local()

T = TypeVar("T")
R = TypeVar("R")


class _Crew:
    """The threads beside the one that calls; they start when there is work for them."""

    def __init__(self, n_threads: int, prepare: Callable[[], None]) -> None:
        self.n_threads, self.prepare = n_threads, prepare
        self.pool: ThreadPoolExecutor | None = None

    def started(self) -> ThreadPoolExecutor:
        if self.pool is None:
            self.pool = ThreadPoolExecutor(self.n_threads - 1, "hvaecodec", self.prepare)
        return self.pool


@contextmanager
def crew(n_threads: int, prepare: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let `each` use so many threads within the block, this one among them. prepare: is run in each other one first.

    They sleep between blocks and end with this thread.
    """
    before = getattr(_current, "crew", None)
    crews = vars(_current).setdefault("crews", {})
    _current.crew = crews.setdefault((n_threads, prepare), _Crew(n_threads, prepare))
    try:
        yield
    finally:
        _current.crew = before


def n_threads() -> int:
    """Return how many pieces run at once on this thread's behalf: 1 where there is no crew."""
    own = getattr(_current, "crew", None)
    return 1 if own is None else own.n_threads


def each(function: Callable[[T], R], pieces: Sequence[T]) -> list[R]:
    """Return what a function gives for every piece, in their order; several of them run at once if there is a crew.

    Other threads have none of this thread's modes of PyTorch. Raises what the first piece raised that raised anything.
    """
    if len(pieces) < 2 or n_threads() == 1:
        return [function(piece) for piece in pieces]
    rest = [_current.crew.started().submit(function, piece) for piece in pieces[1:]]
    try:
        first = function(pieces[0])
    finally:
        wait(rest)
    return [first, *(piece.result() for piece in rest)]


def cut(length: int, n_parts: int) -> list[slice]:
    """Cut 0..length into so many parts, or fewer, of about one length."""
    n_parts = max(1, min(n_parts, length))
    return [slice(length * i // n_parts, length * (i + 1) // n_parts) for i in range(n_parts)]
