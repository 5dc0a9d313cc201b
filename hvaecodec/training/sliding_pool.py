"""Keeps entries that are costly to make and used for several steps, in a window that slides over their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

T = TypeVar("T")


class SlidingPool(Generic[T]):
    """Keeps `size` entries in a row of `make(0), make(1), ...`; each is made once and forgotten after the window.

    A resumed run makes the entries of its window again, so a checkpoint need not hold them. uses: how often `pick`
    draws an entry, on average, before it is forgotten. A net soon knows by heart what it sees again and again.
    """

    def __init__(self, size: int, make: Callable[[int], T], uses: int = 1) -> None:
        self.size, self.make, self.uses = size, make, uses
        self.entries: dict[int, T] = {}

    def pick(self, step: int, count: int, rng: torch.Generator) -> list[T]:
        """Return `count` different entries at random, or all there are; step: how often as many were picked before."""
        entries = self.window(step * count // self.uses)
        return [entries[i] for i in torch.randperm(len(entries), generator=rng)[:count].tolist()]

    def window(self, first: int) -> list[T]:
        """Return the entries from number `first` on; the window may only move forwards."""
        numbers = range(first, first + self.size)
        self.entries = {n: self.entries[n] if n in self.entries else self.make(n) for n in numbers}
        return list(self.entries.values())
