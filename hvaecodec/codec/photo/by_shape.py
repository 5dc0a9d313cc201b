"""Values that belong to a coefficient by the shape of its block and its place in the tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hvaecodec.models.photo.layout import N_PLACES, TILE


@dataclass(frozen=True)
class ByShape:
    """A table, float32 (7, 3, 32, 32), over maps of luma and of chroma, int64 (2, 2 rows, 2 columns)."""

    table: np.ndarray
    shapes: np.ndarray

    def at(self, places: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """Return the values at flat places (channel, u, v) of a tile, (n,), in some rows of tiles: (n, rows, columns).

        The places are all of luma or all of chroma.
        """
        plane = self.shapes[min(int(places[0]) // TILE**2, 1)]
        table = self.table.reshape(-1, N_PLACES)
        odd = places // TILE % 2, places % 2  # the quadrant that a place would lie in
        out = np.empty((len(places), *plane[::2, ::2][rows].shape), np.float32)
        for i, j in np.ndindex(2, 2):
            inside = np.flatnonzero((odd[0] == i) & (odd[1] == j))
            out[inside] = table[plane[i::2, j::2][rows], places[inside][:, None, None]]
        return out

    def whole(self) -> np.ndarray:
        """Return the value of every coefficient, float32 (3, 32, 32, rows, columns)."""
        channels = np.arange(N_PLACES).reshape(3, TILE**2)
        parts = [self.at(places) for places in channels]
        return np.stack(parts).reshape(3, TILE, TILE, *parts[0].shape[1:])
