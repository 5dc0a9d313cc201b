"""What it costs that tiles know nothing of each other: bits of the same contexts, told alone and beside their neighbours.

Estimates of stored tables, both fitted on the same training photos: first as `dct-vae-cifar10` has them; then of what is
left of every tile once it is predicted, linearly, from the contexts of the tiles to the left of it and above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.tiles.context_stream import ContextTables, encode_context, fit_context_tables
from hvaecodec.codec.tiles.tiles32 import whole_tiles

# The context of a picture's tiles, int32 (rows, columns, C, d, d)
Grid = np.ndarray


@dataclass(frozen=True)
class Tiling:
    """Tables without and with neighbours; weights: of the neighbours' integers, (2 C d d + 1, C d d)."""

    alone: ContextTables
    beside: ContextTables
    weights: np.ndarray

    @classmethod
    def fit(cls, grids: Sequence[Grid], half: int) -> Tiling:
        """From training photos."""
        n = 2 * grids[0][0, 0].size + 1
        gram, moments = np.eye(n), np.zeros((n, n // 2))
        for grid in grids:  # sums, for all photos' neighbours at once would take gigabytes
            seen = _neighbours(grid)
            gram, moments = gram + seen.T @ seen, moments + seen.T @ _flat(grid)
        weights = np.linalg.solve(gram, moments)
        left = np.concatenate([_left(grid, weights) for grid in grids])
        whole = np.concatenate([grid.reshape(-1, *grid.shape[2:]) for grid in grids])
        tables = [ContextTables.of(fit_context_tables(*args)) for args in ((whole, half), (left, 2 * half))]
        return cls(tables[0], tables[1], weights)

    def bits(self, grid: Grid) -> tuple[float, float]:
        """Estimated bits of a picture's contexts, alone and beside their neighbours."""
        tiles = grid.reshape(-1, *grid.shape[2:])
        return encode_context(self.alone, tiles)[1], encode_context(self.beside, _left(grid, self.weights))[1]


def grids_of(photos: Sequence[np.ndarray], symbols: Callable[[np.ndarray], Grid], side: int) -> list[Grid]:
    """The contexts of photos' whole tiles; photos smaller than one are left out."""
    return [symbols(whole) for whole in (whole_tiles(photo, side) for photo in photos) if whole.size]


def _flat(grid: Grid) -> np.ndarray:
    return grid.reshape(grid.shape[0] * grid.shape[1], -1).astype(np.float64)


def _neighbours(grid: Grid) -> np.ndarray:
    """(tiles, 2 C d d + 1): of the tile to the left and of the one above, zeros where there is none, and 1."""
    rows, columns = grid.shape[:2]
    padded = np.pad(grid.reshape(rows, columns, -1), ((1, 0), (1, 0), (0, 0))).astype(np.float64)
    seen = np.concatenate([padded[1:, :-1], padded[:-1, 1:], np.ones((rows, columns, 1))], 2)
    return seen.reshape(rows * columns, -1)


def _left(grid: Grid, weights: np.ndarray) -> np.ndarray:
    """int32 (tiles, C, d, d): what is left of the tiles once their neighbours are known."""
    return (_flat(grid) - np.round(_neighbours(grid) @ weights)).astype(np.int32).reshape(-1, *grid.shape[2:])
