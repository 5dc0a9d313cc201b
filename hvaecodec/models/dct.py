"""The colour and block transforms of the DCT context: RGB and YCbCr, tiles and coefficients, thumbnails.

The context of the DCT-VAE (arXiv:2302.09976, section 4.1) is the orthonormal DCT-II of D x D tiles of the picture.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from hvaecodec.models import dct_numpy
from hvaecodec.models.dct_numpy import TO_RGB, TO_YCC

TILE = 32


def _mix(x: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("oc,bchw->bohw", torch.tensor(rows, dtype=x.dtype, device=x.device), x)


def rgb_to_ycc(rgb: Tensor) -> Tensor:
    """Convert RGB in 0..255 to zero-centred YCbCr (Y - 128, Cb, Cr), float (B, 3, H, W), by ITU-R BT.601 as in JFIF."""
    return _mix(rgb - 128.0, TO_YCC)


def ycc_to_rgb(ycc: Tensor) -> Tensor:
    """Convert zero-centred YCbCr back to RGB, float (B, 3, H, W): the inverse of `rgb_to_ycc`, not clipped."""
    return _mix(ycc, TO_RGB) + 128.0


@functools.cache
def dct_matrix(size: int = TILE) -> Tensor:
    """Return the orthonormal DCT-II matrix C, (size, size) float32: rows are frequencies, C @ C.T = 1."""
    return torch.from_numpy(dct_numpy.dct_matrix(size).copy())


def tiles_to_coefficients(x: Tensor) -> Tensor:
    """Transform every 32 x 32 tile by the orthonormal DCT-II: (B, C, 32 h, 32 w) to (B, C, 32, 32, h, w).

    The last axes of the result are the grid of tiles, the two before them the vertical and horizontal frequency.
    """
    b, ch, height, width = x.shape
    tiles = x.reshape(b, ch, height // TILE, TILE, width // TILE, TILE)
    c = dct_matrix().to(x)
    rows = torch.einsum("ui,bchiwj->bcuhwj", c, tiles)
    return torch.einsum("vj,bcuhwj->bcuvhw", c, rows)


def coefficients_to_tiles(coefficients: Tensor, size: int = TILE) -> Tensor:
    """Return the pictures of coefficients with k = `size` pixels a tile: (B, C, 32, 32, h, w) to (B, C, k h, k w).

    Below 32 they are thumbnails, X_k = (k / 32) IDCT_k(C[:k, :k]), without aliasing.
    """
    b, ch, _, _, h, w = coefficients.shape
    c = dct_matrix(size).to(coefficients)
    low = coefficients[:, :, :size, :size]
    rows = torch.einsum("ui,bcuvhw->bchivw", c, low)
    tiles = torch.einsum("vj,bchivw->bchiwj", c, rows) * (size / TILE)
    return tiles.reshape(b, ch, h * size, w * size)
