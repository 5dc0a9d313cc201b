"""Rate-distortion optimised rounding over chosen blocks: an error weighs what its block's shape says at its place."""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.photo.chunk import Place
from hvaecodec.codec.photo.search import Rounder


class BlockRounder(Rounder):
    """A `search.Rounder` whose weights belong to every coefficient of the picture, (3, 32, 32, rows, columns)."""

    def weight_at(self, place: Place) -> np.ndarray:
        """Return what a squared error of one step costs for each symbol of a place."""
        return place.take(self.weight)
