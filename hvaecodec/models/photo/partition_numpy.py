"""Chooses the DCT blocks of tiles by a fast estimate of what every partition costs, in numpy, for one picture."""

from __future__ import annotations

import math

import numpy as np

from hvaecodec.models.dct_numpy import dct_matrix
from hvaecodec.models.photo.block_shapes import DIVIDED_BITS, NAME_BITS, SHAPES, WHOLE
from hvaecodec.models.photo.layout import TILE

BIT = 0.1  # what a bit is worth, in squared steps: between what mid and high rates trade error for
DEAD = 0.4  # symbols are floor(|c| / step + DEAD), about what an encoder's search keeps
LUMA, BLUE, RED = 1.0, 1.087, 0.825  # squared error in RGB of an error of 1 in each channel, relative to luma
CHANNEL_ENERGY = (LUMA, BLUE, RED)
_CHANNELS = slice(0, 1), slice(1, 3)  # of the map of luma and of that of chroma


def choose_shapes(ycc: np.ndarray, delta: float, s: np.ndarray, n_maps: int = 2) -> np.ndarray:
    """Choose the maps of shapes of luma and, with two, of chroma, int64 (n_maps, 2 h, 2 w).

    ycc: zero-centred, float32 (3, 32 h, 32 w). delta: the luma step. s: the relative steps, (7, 3, 32, 32). The
    estimate is that of `partition.choose_shapes`.
    """
    return np.stack([_choose(ycc[_CHANNELS[i]], delta, s[:, _CHANNELS[i]], i) for i in range(n_maps)])


def _choose(x: np.ndarray, delta: float, s: np.ndarray, number: int) -> np.ndarray:
    """The map of luma (0) or of chroma (1) from its channels."""
    energy = np.array(CHANNEL_ENERGY[_CHANNELS[number]], np.float32)
    bits = NAME_BITS[number]
    cost = [_fold(_cost(x, delta, s[i], energy, i), i) + np.float32(BIT * bits[i]) for i in range(len(SHAPES))]
    quarters = np.stack(cost[WHOLE:])
    divided = _sums(quarters.min(0), 2, 2) + np.float32(BIT * DIVIDED_BITS[number])
    tile = np.stack([*cost[:WHOLE], divided]).argmin(0).repeat(2, 0).repeat(2, 1)
    return np.where(tile < WHOLE, tile, quarters.argmin(0) + WHOLE)


def _cost(x: np.ndarray, delta: float, s: np.ndarray, energy: np.ndarray, number: int) -> np.ndarray:
    """Squared error + BIT * bits of every block of a shape, in squared luma steps, (rows, columns) of blocks."""
    channels, height, width = x.shape
    r, c = SHAPES[number].rows, SHAPES[number].columns
    size = dct_matrix(r) @ x.reshape(channels, height // r, r, width)
    size = (size.reshape(-1, c) @ dct_matrix(c).T).reshape(channels, height // r, r, width)
    weights = np.tile(s[:, :: TILE // r, :: TILE // c], (1, 1, width // c))[:, None]
    size *= 1 / (np.float32(delta) * weights)
    np.abs(size, out=size)
    error = np.floor(size + np.float32(DEAD))
    error -= size
    error *= error
    error *= weights**2 * energy[:, None, None, None]
    cost = error.sum(2).sum(0) + np.float32(BIT / math.log(2)) * _log_sum(size)
    return cost.reshape(height // r, width // c, c).sum(2)


def _log_sum(size: np.ndarray) -> np.ndarray:
    """The sum of log(1 + 4 r^2) over channels and the rows of every block, from r, (C, rows, r, width).

    Logarithms are slow, so one is taken of four factors together.
    """
    size *= size
    size *= np.float32(4)
    size += np.float32(1)
    half = size.shape[2] // 2
    factors = size[:, :, :half] * size[:, :, half:]
    factors = factors[:, :, : half // 2] * factors[:, :, half // 2 :]
    return np.log(factors, out=factors).sum(2).sum(0)


def _fold(cost: np.ndarray, number: int) -> np.ndarray:
    """From blocks of a shape to the regions that they tile."""
    shape = SHAPES[number]
    return _sums(cost, shape.region // shape.rows, shape.region // shape.columns)


def _sums(x: np.ndarray, down: int, across: int) -> np.ndarray:
    if down == across == 1:
        return x
    rows, columns = x.shape
    return x.reshape(rows // down, down, columns // across, across).sum(3).sum(1)
