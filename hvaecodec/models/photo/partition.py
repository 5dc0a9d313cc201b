"""Chooses the DCT blocks of tiles by a fast estimate of what every partition costs, from the coefficients alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hvaecodec.models.dct import TILE, dct_matrix
from hvaecodec.models.photo.block_shapes import DIVIDED_BITS, NAME_BITS, SHAPES, WHOLE
from hvaecodec.models.photo.partition_numpy import BIT, CHANNEL_ENERGY, DEAD
from hvaecodec.models.photo.quantiser import shape_weights


def choose_shapes(ycc: Tensor, step: Tensor) -> Tensor:
    """Choose the maps of shapes of luma and of chroma, int64 (B, 2, 2 h, 2 w).

    ycc: zero-centred, (B, 3, 32 h, 32 w). step: the step size that each picture is to be coded with, (B,). A
    coefficient of r steps is taken to need log2(1 + 4 r^2) bits: what it costs beyond a zero, and what a zero costs
    that could have been more.
    """
    return torch.stack([_choose(ycc, step, 0), _choose(ycc, step, 1)], 1)


def by_channel(shapes: Tensor) -> Tensor:
    """Return the maps (B, 2, 2 h, 2 w) as Y, Cb and Cr have them, (B, 3, 2 h, 2 w)."""
    return shapes[:, (0, 1, 1)]


def _choose(ycc: Tensor, step: Tensor, number: int) -> Tensor:
    """The map of luma (0) or of chroma (1)."""
    channels, names = (slice(0, 1), slice(1, 3))[number], NAME_BITS[number]
    cost = [_fold(_cost(ycc, step, channels, i), i) + BIT * names[i] for i in range(len(SHAPES))]
    least, quarter = torch.stack(cost[WHOLE:]).min(0)
    tile = torch.stack([*cost[:WHOLE], _sums(least, 2, 2) + BIT * DIVIDED_BITS[number]]).argmin(0)
    tile = tile.repeat_interleave(2, 1).repeat_interleave(2, 2)
    return torch.where(tile < WHOLE, tile, quarter + WHOLE)


def _cost(ycc: Tensor, step: Tensor, channels: slice, number: int) -> Tensor:
    """Squared error + BIT * bits of every block of a shape, in squared luma steps, (B, rows, columns) of blocks."""
    x = ycc[:, channels]
    b, ch, height, width = x.shape
    r, c = SHAPES[number].rows, SHAPES[number].columns
    coefficients = dct_matrix(r).to(x) @ x.reshape(b, ch, height // r, r, width)
    coefficients = (coefficients.view(-1, c) @ dct_matrix(c).to(x).T).view(b, ch, height // r, r, width)
    weights = shape_weights()[number, channels, :: TILE // r, :: TILE // c].to(x).repeat(1, 1, width // c)[:, None]
    size = coefficients.mul_(1 / (step.view(-1, 1, 1, 1, 1) * weights)).abs_()
    energy = weights.square() * torch.tensor(CHANNEL_ENERGY[channels], dtype=torch.float32).to(x).view(-1, 1, 1, 1)
    error = torch.floor(size + DEAD).sub_(size).square_().mul_(energy).sum(3).sum(1)
    cost = error.add_(_log_sum(size), alpha=BIT / math.log(2))
    return cost.view(b, height // r, width // c, c).sum(3)


def _log_sum(size: Tensor) -> Tensor:
    """The sum of log(1 + 4 r^2) over channels and the rows of every block, from r, (B, C, rows, r, width).

    Logarithms are slow, so one is taken of four factors together.
    """
    factors = size.square_().mul_(4).add_(1)
    for _ in range(2):
        upper, lower = factors.chunk(2, 3)
        factors = upper * lower
    return factors.log_().sum(3).sum(1)


def _fold(cost: Tensor, number: int) -> Tensor:
    """From blocks of a shape to the regions that they tile."""
    shape = SHAPES[number]
    return _sums(cost, shape.region // shape.rows, shape.region // shape.columns)


def _sums(x: Tensor, down: int, across: int) -> Tensor:
    if down == across == 1:
        return x
    return x.unflatten(2, (-1, across)).sum(3).unflatten(1, (-1, down)).sum(2)
