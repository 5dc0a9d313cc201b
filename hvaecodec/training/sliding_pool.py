"""Keeps entries that are costly to make and used for several steps, in a window that slides over their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SlidingPool(Generic[T]):
    """Keeps `size` entries in a row of `make(0), make(1), ...`; each is made once and forgotten after the window.

    A resumed run makes the entries of its window again, so a checkpoint need not hold them.
    """

    def __init__(self, size: int, make: Callable[[int], T]) -> None:
        self.size, self.make = size, make
        self.entries: dict[int, T] = {}

    def window(self, first: int) -> list[T]:
        """Return the entries from number `first` on; the window may only move forwards."""
        numbers = range(first, first + self.size)
        self.entries = {n: self.entries[n] if n in self.entries else self.make(n) for n in numbers}
        return list(self.entries.values())
