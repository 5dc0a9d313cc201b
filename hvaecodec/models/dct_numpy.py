"""The colour and DCT matrices of the context, and colours there and back, in numpy."""

from __future__ import annotations

import functools
import math

import numpy as np

# ITU-R BT.601 full range, as in JFIF; rows Y, Cb, Cr.
TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168735891647856, -0.331264108352144, 0.5),
    (0.5, -0.418687589158345, -0.081312410841655),
)
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286201022, -0.714136286201022), (1.0, 1.772, 0.0))


def rgb_to_ycc(rgb: np.ndarray) -> np.ndarray:
    """Convert RGB in 0..255, float32 (3, H, W), to zero-centred YCbCr (Y - 128, Cb, Cr), as `dct.rgb_to_ycc` does."""
    return _mix(rgb - np.float32(128), TO_YCC)


def ycc_to_rgb(ycc: np.ndarray) -> np.ndarray:
    """Convert zero-centred YCbCr, float32 (3, H, W), back to RGB, not clipped."""
    rgb = _mix(ycc, TO_RGB)
    rgb += np.float32(128)
    return rgb


@functools.cache
def dct_matrix(size: int) -> np.ndarray:
    """Return the orthonormal DCT-II matrix C, (size, size) float32: rows are frequencies, C @ C.T = 1."""
    n = np.arange(size, dtype=np.float64)
    c = np.cos(math.pi * (2 * n[None] + 1) * n[:, None] / (2 * size)) * math.sqrt(2 / size)
    c[0] /= math.sqrt(2)
    return c.astype(np.float32)


def _mix(x: np.ndarray, rows: tuple[tuple[float, ...], ...]) -> np.ndarray:
    mixed: np.ndarray = np.array(rows, np.float32) @ x.reshape(3, -1)
    return mixed.reshape(x.shape)
