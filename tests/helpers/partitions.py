"""Random maps of shapes."""

from __future__ import annotations

import numpy as np

from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE


def random_shapes(grid: tuple[int, int], seed: int = 0, whole_share: float = 0.75) -> np.ndarray:
    """Return maps of luma and chroma, int64 (2, 2 rows, 2 columns); so many of their tiles are not cut in four."""
    rng = np.random.default_rng(seed)
    classes = np.where(rng.random((2, *grid)) < whole_share, rng.integers(0, WHOLE, (2, *grid)), WHOLE)
    classes = classes.repeat(2, 1).repeat(2, 2)
    return np.where(classes < WHOLE, classes, rng.integers(WHOLE, len(SHAPES), classes.shape))
