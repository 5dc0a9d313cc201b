"""The search for a quality that meets a target: the largest file that is small enough, or the smallest that is good.

An encoding is expensive and a higher effort more so, but what is sought (the logarithm of the bytes, decibels) is
nearly linear in the step index. So the next place to try is guessed from the slope: first at the cheapest effort, and
from there at the effort that was asked for, whose files differ by a part that hardly changes from one step index to the
next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_QUICK = 1  # the effort that says about where to look
_CLOSE = 4  # step indices: nearer than that the quick files say nothing about the others
_APART = 12  # step indices between two files that a slope is taken from, as values scatter from one to the next
_GUESSES = 8  # so many guesses by the slope; what is left after them is halved


class _Bounds(NamedTuple):
    """What is known of where the target lies, in step indices.

    low: the last one known to be below the target, -1 if there is none. high: the first one known not to be below it, n
    if there is none. guess: where to look next. slope: of the value there, a step index.
    """

    low: int
    high: int
    guess: int
    slope: float


@dataclass
class Ladder:
    """The files of one picture by step index 0..n-1, rising in rate.

    encode: called as `encode(step_index, effort)`, makes a file. value: what of a file the target is stated in; it
    rises with the step index. rise: about how much from step index 0 to n - 1; only the number of encodings depends on
    it.
    """

    encode: Callable[[int, int], bytes]
    value: Callable[[bytes], float]
    n: int
    rise: float
    files: dict[tuple[int, int], bytes] = field(default_factory=dict)
    values: dict[tuple[int, int], float] = field(default_factory=dict)

    def largest(self, target: float, effort: int) -> bytes | None:
        """Return a file whose value is not above the target while that of the next step index is.

        None if the value of step index 0 is above the target.
        """
        low, _ = self._neighbours(lambda value: value <= target, target, effort)
        return self.files[low, effort] if low >= 0 else None

    def smallest(self, target: float, effort: int) -> bytes | None:
        """Return a file whose value reaches the target while that of the step index before does not.

        None if the value of the last step index does not reach the target.
        """
        _, high = self._neighbours(lambda value: value < target, target, effort)
        return self.files[high, effort] if high < self.n else None

    def _neighbours(self, below: Callable[[float], bool], target: float, effort: int) -> tuple[int, int]:
        """Return two neighbouring step indices, the lower `below` and the higher not; -1 or n where there is none."""
        start = _Bounds(-1, self.n, self.n // 2, self.rise / self.n)
        if effort > _QUICK:
            quick = start
            for bounds in self._narrow(below, target, _QUICK, start):
                settled, quick = abs(bounds.guess - quick.guess) <= _CLOSE, bounds
                if settled:
                    break
            start = _Bounds(-1, self.n, max(quick.guess, 0), quick.slope)
        *_, bounds = self._narrow(below, target, effort, start)
        return bounds.low, bounds.high

    def _narrow(self, below: Callable[[float], bool], target: float, effort: int, start: _Bounds) -> Iterator[_Bounds]:
        """Make the file of each guess and yield what is known then, until nothing lies between low and high."""
        low, high, step_index, slope = start
        n_guesses = 0
        while high - low > 1:
            value = self._value_at(step_index, effort)
            n_guesses += 1
            slope = self._slope_at(step_index, effort) or slope
            low, high = (step_index, high) if below(value) else (low, step_index)
            guess = step_index + round((target - value) / slope) if n_guesses <= _GUESSES else (low + high) // 2
            step_index = min(max(guess, low + 1), high - 1)
            yield _Bounds(low, high, step_index, slope)

    def _slope_at(self, step_index: int, effort: int) -> float | None:
        """Return the slope of the value to the nearest file that is far enough away, a step index.

        None if there is no such file or the value does not rise.
        """
        far = [i for i, e in self.values if e == effort and abs(i - step_index) >= _APART]
        if not far:
            return None
        other = min(far, key=lambda i: abs(i - step_index))
        slope = (self._value_at(step_index, effort) - self._value_at(other, effort)) / (step_index - other)
        return slope if slope > 0 else None

    def _value_at(self, step_index: int, effort: int) -> float:
        if (step_index, effort) not in self.values:
            self.files[step_index, effort] = self.encode(step_index, effort)
            self.values[step_index, effort] = self.value(self.files[step_index, effort])
        return self.values[step_index, effort]
