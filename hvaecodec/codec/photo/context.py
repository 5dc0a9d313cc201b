"""A picture's context: its quantised DCT, as the generator and everything else behind the entropy coder sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from hvaecodec.codec.bands import RollingParts
from hvaecodec.codec.photo.adaptation import NONE, Adaptation


class Windows(Protocol):
    """What a picture is rendered from, tile rows of it at a time."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""

    @property
    def step_index(self) -> int:
        """The step index of the quantiser."""

    def window(self, rows: slice, columns: slice) -> Context:
        """Return the context of some rows and columns of tiles."""


@dataclass(frozen=True)
class Context:
    """A context has symbols, int16 (3, 32, 32, rows, columns), under maps of shapes, int64 (2, 2 rows, 2 columns).

    step_index: of the quantiser. adaptation: what the file changes of the generator.
    """

    symbols: np.ndarray
    shapes: np.ndarray
    step_index: int
    adaptation: Adaptation = NONE

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return self.symbols.shape[3], self.symbols.shape[4]

    def window(self, rows: slice, columns: slice) -> Context:
        """Return the context of some rows and columns of tiles."""
        quadrants = (slice(2 * part.start, 2 * part.stop) for part in (rows, columns))
        symbols = np.ascontiguousarray(self.symbols[..., rows, columns])
        return replace(self, symbols=symbols, shapes=self.shapes[(slice(None), *quadrants)])


def join(parts: Sequence[Context]) -> Context:
    """Return the context of slices one below the other."""
    if len(parts) == 1:
        return parts[0]
    symbols = np.concatenate([part.symbols for part in parts], 3)
    return replace(parts[0], symbols=symbols, shapes=np.concatenate([part.shapes for part in parts], 1))


class RollingContext:
    """The context of a picture whose slices are decoded when a window reaches them, and forgotten below it.

    Windows are asked for from the top down, the first one with the first rows. grid, step_index: of the whole picture.
    parts: the contexts of its slices; the first one's adaptation is the picture's.
    """

    def __init__(self, grid: tuple[int, int], step_index: int, parts: Iterator[Context]) -> None:
        self.grid, self.step_index = grid, step_index
        self._parts = RollingParts(parts, lambda part: part.grid[0])
        self._adaptation: Adaptation | None = None

    def window(self, rows: slice, columns: slice) -> Context:
        """Return the context of some rows and columns of tiles. Raises CorruptFile as decoding them does."""
        window = join([part.window(own, columns) for part, own in self._parts.covering(rows)])
        if self._adaptation is None:
            self._adaptation = window.adaptation
        return replace(window, adaptation=self._adaptation)
