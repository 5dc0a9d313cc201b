"""Estimate what it costs that tiles know nothing of each other: contexts coded alone, and beside their neighbours.

Both are estimates of stored tables that were fitted on the same training photos. The first tables are as
`dct-vae-cifar10` has them; the second are of what is left of every tile once it is predicted, linearly, from the
contexts of the tiles to the left of it and above.
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
    """The tables without and with neighbours.

    weights: of the prediction from the neighbours' integers, float64 (2 C d d + 1, C d d).
    """

    alone: ContextTables
    beside: ContextTables
    weights: np.ndarray

    @classmethod
    def fit(cls, grids: Sequence[Grid], half: int) -> Tiling:
        """Fit tables and prediction to the contexts of training photos; half: the largest integer of a context."""
        n = 2 * grids[0][0, 0].size + 1
        gram, moments = np.eye(n), np.zeros((n, n // 2))
        for grid in grids:  # sums, for all photos' neighbours at once would take gigabytes
            neighbours = _neighbours(grid)
            gram, moments = gram + neighbours.T @ neighbours, moments + neighbours.T @ _flat(grid)
        weights = np.linalg.solve(gram, moments)
        residuals = np.concatenate([_residuals(grid, weights) for grid in grids])
        whole = np.concatenate([grid.reshape(-1, *grid.shape[2:]) for grid in grids])
        tables = [ContextTables.of(fit_context_tables(*args)) for args in ((whole, half), (residuals, 2 * half))]
        return cls(tables[0], tables[1], weights)

    def bits(self, grid: Grid) -> tuple[float, float]:
        """Return the estimated bits of a picture's contexts, alone and beside their neighbours."""
        tiles = grid.reshape(-1, *grid.shape[2:])
        return encode_context(self.alone, tiles)[1], encode_context(self.beside, _residuals(grid, self.weights))[1]


def grids_of(photos: Sequence[np.ndarray], symbols: Callable[[np.ndarray], Grid], side: int) -> list[Grid]:
    """Return the contexts of photos' whole tiles; photos smaller than a tile are left out.

    symbols: gives the contexts of uint8 (H, W, 3), a multiple of `side` both ways.
    """
    return [symbols(whole) for whole in (whole_tiles(photo, side) for photo in photos) if whole.size]


def _flat(grid: Grid) -> np.ndarray:
    return grid.reshape(grid.shape[0] * grid.shape[1], -1).astype(np.float64)


def _neighbours(grid: Grid) -> np.ndarray:
    """Return float64 (tiles, 2 C d d + 1): the tile to the left and the one above, zeros where there is none, and 1."""
    rows, columns = grid.shape[:2]
    padded = np.pad(grid.reshape(rows, columns, -1), ((1, 0), (1, 0), (0, 0))).astype(np.float64)
    neighbours = np.concatenate([padded[1:, :-1], padded[:-1, 1:], np.ones((rows, columns, 1))], 2)
    return neighbours.reshape(rows * columns, -1)


def _residuals(grid: Grid, weights: np.ndarray) -> np.ndarray:
    """Return what is left of the tiles once they are predicted from their neighbours, int32 (tiles, C, d, d)."""
    return (_flat(grid) - np.round(_neighbours(grid) @ weights)).astype(np.int32).reshape(-1, *grid.shape[2:])
