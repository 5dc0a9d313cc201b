"""What nets that the coding rate shifts and scales see of it, and how they scale pixel values."""

from __future__ import annotations

import numpy as np

HATS = 8  # piecewise linear features of the rate
GREY_SCALE = 64.0  # pixel values enter and leave the net as (x - 128) / 64


def hats(position: float) -> np.ndarray:
    """Return the features of a rate between the lowest, 0.0, and the highest, 1.0: float32 (1, 8)."""
    distance = np.abs(np.float32(position) * np.float32(HATS - 1) - np.arange(HATS, dtype=np.float32))
    return np.maximum(np.float32(1) - distance, np.float32(0))[None]
