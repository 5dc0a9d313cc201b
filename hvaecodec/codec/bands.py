"""Pictures as bands of rows that come one after the other from the top, so that no picture need be there whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class RollingParts(Generic[T]):
    """Parts one below the other, each taken when its rows are asked for, and forgotten when only later ones are.

    rows_of: says how many rows a part has. below: returns a part without so many rows at its top.
    """

    def __init__(self, parts: Iterator[T], rows_of: Callable[[T], int], below: Callable[[T, int], T]) -> None:
        self.source, self.rows_of, self.below = parts, rows_of, below
        self.parts: deque[tuple[int, T]] = deque()  # with the row at which each begins
        self.end = 0

    def covering(self, rows: slice) -> list[tuple[T, slice]]:
        """Return the parts that hold some rows, and which of its rows that are in each.

        Whoever asks goes from the top down. Raises StopIteration for rows below the last part.
        """
        while self.parts and self.parts[0][0] + self.rows_of(self.parts[0][1]) <= rows.start:
            self.parts.popleft()
        if self.end < rows.stop and self.parts and self.parts[0][0] < rows.start:
            top, part = self.parts.popleft()
            self.parts.appendleft((rows.start, self.below(part, rows.start - top)))
            del part  # before the next one comes, which takes memory
        while self.end < rows.stop:
            part = next(self.source)
            self.parts.append((self.end, part))
            self.end += self.rows_of(part)
        return [
            (part, slice(max(rows.start - top, 0), min(rows.stop - top, self.rows_of(part))))
            for top, part in self.parts
            if top < rows.stop
        ]


def join_bands(bands: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return the picture of all bands, uint8 of this shape, which they fill."""
    out, top = np.empty(shape, np.uint8), 0
    for band in bands:
        out[top : top + len(band)] = band
        top += len(band)
    return out
