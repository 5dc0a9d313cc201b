"""Runs the pieces of a computation side by side, on a few threads that each compute alone.

Loops that a library divides among threads by itself wait for each other thousands of times in a picture, spinning; on
busy cores such a wait can take a whole time slice. Here pieces are few and large, such as rows of tiles, and waiting
threads sleep.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

_current = threading.local()

T = TypeVar("T")
R = TypeVar("R")


class _Crew:
    """The threads beside the one that calls; they start when there is work for them, and sleep between pieces of it."""

    def __init__(self, n_threads: int, prepare: Callable[[], None]) -> None:
        self.n_threads, self.prepare = n_threads, prepare
        self.works: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.started = False

    def __del__(self) -> None:
        for _ in range(self.n_threads - 1 if self.started else 0):
            self.works.put(None)

    def start(self) -> None:
        """Start the threads, once."""
        if not self.started:
            self.started = True
            for _ in range(self.n_threads - 1):
                threading.Thread(target=_run, args=(self.works, self.prepare), name="hvaecodec", daemon=True).start()


def _run(works: SimpleQueue[Callable[[], None] | None], prepare: Callable[[], None]) -> None:
    prepare()
    while (work := works.get()) is not None:
        work()
        del work  # and with it what it holds


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


@contextmanager
def dividing(set_threads: Callable[[int], None]) -> Iterator[None]:
    """Let loops that a library divides by itself take all threads of this one's crew within the block.

    set_threads: sets their number for the calling thread. Pieces of `each` compute alone here too.
    """
    _current.set_threads = set_threads
    set_threads(n_threads())
    try:
        yield
    finally:
        set_threads(1)
        _current.set_threads = None


def each(function: Callable[[T], R], pieces: Sequence[T]) -> list[R]:
    """Return what a function gives for every piece, in their order; several of them run at once if there is a crew.

    Other threads have none of this thread's modes of PyTorch. Raises what the first piece raised that raised anything.
    """
    if len(pieces) < 2 or n_threads() == 1:
        return [function(piece) for piece in pieces]
    set_threads = getattr(_current, "set_threads", None)
    if set_threads is None:
        return _side_by_side(function, pieces)
    set_threads(1)
    try:
        return _side_by_side(function, pieces)
    finally:
        set_threads(n_threads())


def _side_by_side(function: Callable[[T], R], pieces: Sequence[T]) -> list[R]:
    """Do what `each` does, with the crew that there is."""
    own: _Crew = _current.crew
    own.start()
    outcomes: SimpleQueue[tuple[int, R | None, BaseException | None]] = SimpleQueue()
    for number in range(1, len(pieces)):
        own.works.put(partial(_outcome, outcomes, function, pieces, number))
    _outcome(outcomes, function, pieces, 0)
    with suppress(Empty):
        while (work := own.works.get_nowait()) is not None:
            work()
    ordered = sorted((outcomes.get() for _ in pieces), key=lambda outcome: outcome[0])
    for _, _, error in ordered:
        if error is not None:
            raise error
    return [cast(R, result) for _, result, _ in ordered]


def _outcome(outcomes: SimpleQueue[Any], function: Callable[[T], R], pieces: Sequence[T], number: int) -> None:
    try:
        outcomes.put((number, function(pieces[number]), None))
    except BaseException as error:
        outcomes.put((number, None, error))


def threads_allowed() -> int:
    """Return on how many threads to compute where no library says: OMP_NUM_THREADS, else one a processor we may use."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cut(length: int, n_parts: int) -> list[slice]:
    """Cut 0..length into so many parts, or fewer, of about one length."""
    n_parts = max(1, min(n_parts, length))
    return [slice(length * i // n_parts, length * (i + 1) // n_parts) for i in range(n_parts)]
