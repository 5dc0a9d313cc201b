"""A picture's context: its quantised DCT, as the generator and everything else behind the entropy coder sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from hvaecodec.codec.bands import RollingParts
from hvaecodec.codec.photo.adaptation import NONE, Adaptation
from hvaecodec.models.photo.layout import N_PLACES, TILE
from hvaecodec.models.photo.prior_layers import MAX_LINEAR_LEVEL

_PLACES = np.arange(N_PLACES).reshape(3, TILE, TILE)
_COARSE = _PLACES[:, : 1 << MAX_LINEAR_LEVEL, : 1 << MAX_LINEAR_LEVEL].ravel()
_FINE = np.setdiff1d(_PLACES, _COARSE)  # fifteen sixteenths of all


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


class FineSymbols:
    """The symbols of a slice's two finest levels, (2880, rows, columns), a byte each where that holds them all."""

    def __init__(self, grid: tuple[int, int]) -> None:
        self.array = np.zeros((len(_FINE), *grid), np.int8)

    def put(self, places: np.ndarray, rows: slice, symbols: np.ndarray) -> None:
        """Write symbols, (n, rows, columns), at n flat places (channel, u, v) in a tile, in some rows of tiles."""
        byte = np.iinfo(np.int8)
        if symbols.size and (symbols.min() < byte.min or symbols.max() > byte.max):
            self.array = self.array.astype(np.int16, copy=False)
        self.array[np.searchsorted(_FINE, places), rows] = symbols


class PackedContext:
    """The context of a slice as it waits to be drawn, in about half the memory.

    context: of the slice; its two finest levels are not looked at. fine: has these.
    """

    def __init__(self, context: Context, fine: FineSymbols) -> None:
        self._about = replace(context, symbols=context.symbols[:, :0].copy())  # a view would keep all of them
        self._coarse = context.symbols.reshape(N_PLACES, *context.grid)[_COARSE]
        self._fine = fine.array

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return self._coarse.shape[1]

    def below(self, rows: int) -> PackedContext:
        """Return what is left without so many rows at the top, and nothing of these."""
        left = copy(self)
        left._coarse, left._fine = self._coarse[:, rows:].copy(), self._fine[:, rows:].copy()
        left._about = replace(self._about, shapes=self._about.shapes[:, 2 * rows :])
        return left

    def window(self, rows: slice, columns: slice) -> Context:
        """Return the context of some rows and columns of tiles."""
        coarse = self._coarse[:, rows, columns]
        planes = np.empty((N_PLACES, *coarse.shape[1:]), np.int16)
        planes[_COARSE], planes[_FINE] = coarse, self._fine[:, rows, columns]
        quadrants = (slice(2 * part.start, 2 * part.stop) for part in (rows, columns))
        shapes = self._about.shapes[(slice(None), *quadrants)]
        return replace(self._about, symbols=planes.reshape(3, TILE, TILE, *coarse.shape[1:]), shapes=shapes)


class RollingContext:
    """The context of a picture whose slices are decoded when a window reaches them, and forgotten below it.

    Windows are asked for from the top down, the first one with the first rows. grid, step_index: of the whole picture.
    parts: the contexts of its slices; the first one's adaptation is the picture's.
    """

    def __init__(self, grid: tuple[int, int], step_index: int, parts: Iterator[PackedContext]) -> None:
        self.grid, self.step_index = grid, step_index
        self._parts = RollingParts(parts, lambda part: part.rows, PackedContext.below)
        self._adaptation: Adaptation | None = None

    def window(self, rows: slice, columns: slice) -> Context:
        """Return the context of some rows and columns of tiles. Raises CorruptFile as decoding them does."""
        window = join([part.window(own, columns) for part, own in self._parts.covering(rows)])
        if self._adaptation is None:
            self._adaptation = window.adaptation
        return replace(window, adaptation=self._adaptation)
