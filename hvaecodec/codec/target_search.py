"""The search for a quality that meets a target: the largest file that is small enough, the smallest that is good enough.

An encoding is expensive and a higher effort more so, but what is sought (the logarithm of the bytes, decibels) is nearly
linear in the step index. So the next place to try is guessed from the slope: first at the cheapest effort, and from there
at the wanted one, whose files differ by a part that hardly changes from one index to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_QUICK = 1  # the effort that finds about where to look
_CLOSE = 4  # indices: nearer than that the quick files say nothing about the others
_APART = 12  # indices between two files that a slope can be told from, as values scatter from one to the next
_GUESSES = 8  # so many, and what is left is halved


class _Place(NamedTuple):
    """low: the last index known to be below the target, -1 if none. high: the first known not to be, n if none. guess:
    where to look next. slope: of the value there."""

    low: int
    high: int
    guess: int
    slope: float


@dataclass
class Ladder:
    """The files of one picture by step index 0..n-1, rising in rate.

    encode(index, effort) makes one. value: what the target is in, rising with the index. rise: about how much from index
    0 to n - 1; only the number of encodings depends on it.
    """

    encode: Callable[[int, int], bytes]
    value: Callable[[bytes], float]
    n: int
    rise: float
    files: dict[tuple[int, int], bytes] = field(default_factory=dict)
    values: dict[tuple[int, int], float] = field(default_factory=dict)

    def largest(self, target: float, effort: int) -> bytes | None:
        """The file of an index whose value is not above the target while the next one's is; None if index 0's is."""
        low, _ = self._between(lambda value: value <= target, target, effort)
        return self.files[low, effort] if low >= 0 else None

    def smallest(self, target: float, effort: int) -> bytes | None:
        """The file of an index whose value reaches the target while the one's before does not; None if even the last
        does not."""
        _, high = self._between(lambda value: value < target, target, effort)
        return self.files[high, effort] if high < self.n else None

    def _between(self, below: Callable[[float], bool], target: float, effort: int) -> tuple[int, int]:
        """Two neighbours, the lower `below` and the higher not; -1 or n where there is none."""
        place = _Place(-1, self.n, self.n // 2, self.rise / self.n)
        if effort > _QUICK:
            quick = place
            for found in self._narrowing(below, target, _QUICK, place):
                settled, quick = abs(found.guess - quick.guess) <= _CLOSE, found
                if settled:
                    break
            place = _Place(-1, self.n, max(quick.guess, 0), quick.slope)
        *_, found = self._narrowing(below, target, effort, place)
        return found.low, found.high

    def _narrowing(self, below: Callable[[float], bool], target: float, effort: int, place: _Place) -> Iterator[_Place]:
        """Make the file of the guess and tell what is known then, until there is nothing between low and high."""
        low, high, index, slope = place
        made = 0
        while high - low > 1:
            value = self._at(index, effort)
            made += 1
            far = [i for i, e in self.values if e == effort and abs(i - index) >= _APART]
            if far:
                other = min(far, key=lambda i: abs(i - index))
                steep = (value - self._at(other, effort)) / (index - other)
                slope = steep if steep > 0 else slope
            low, high = (index, high) if below(value) else (low, index)
            guess = index + round((target - value) / slope) if made <= _GUESSES else (low + high) // 2
            index = min(max(guess, low + 1), high - 1)
            yield _Place(low, high, index, slope)

    def _at(self, index: int, effort: int) -> float:
        if (index, effort) not in self.values:
            self.files[index, effort] = self.encode(index, effort)
            self.values[index, effort] = self.value(self.files[index, effort])
        return self.values[index, effort]
