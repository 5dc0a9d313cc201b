"""The search for a quality that meets a target: the largest file that is small enough, the smallest that is good enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ladder:
    """The files of one picture by step index 0..n-1, rising in rate. encode(index, effort) makes one."""

    encode: Callable[[int, int], bytes]
    n: int

    def largest(self, fits: Callable[[bytes], bool], effort: int) -> bytes | None:
        """The file of the highest index that fits, None if not even index 0 does.

        Sought at effort 1 and made at `effort`, which may differ by a few bytes and then takes a lower index.
        """
        best = self._last(lambda index: fits(self.encode(index, 1)))
        return self._first(fits, range(best or 0, -1, -1), effort)

    def smallest(self, reaches: Callable[[bytes], bool], effort: int) -> bytes | None:
        """The file of the lowest index that reaches a goal, None if not even the highest does."""
        missed = self._last(lambda index: not reaches(self.encode(index, 1)))
        return self._first(reaches, range(0 if missed is None else missed + 1, self.n), effort)

    def _first(self, holds: Callable[[bytes], bool], indices: range, effort: int) -> bytes | None:
        for index in indices:
            data = self.encode(index, effort)
            if holds(data):
                return data
        return None

    def _last(self, holds: Callable[[int], bool]) -> int | None:
        """The highest index for which a property of low indices holds; None if it does not hold at 0."""
        if not holds(0):
            return None
        low, high = 0, self.n
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low
