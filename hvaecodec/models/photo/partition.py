"""Chooses the DCT blocks of tiles by a fast estimate of what every partition costs, from the coefficients alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hvaecodec.models.dct import TILE, dct_matrix
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.quantiser import shape_weights

BIT = 0.1  # what a bit is worth, in squared steps: between what mid and high rates trade error for
DEAD = 0.4  # symbols are floor(|c| / step + DEAD), about what an encoder's search keeps
# Bits that name the shape of a whole tile (three), of a quadrant (four), and that say that a tile has quadrants; for
# luma and for chroma, the means of static tables with neighbours as contexts.
NAMES = ((1.0, 3.1, 3.1, 1.3, 2.4, 2.2, 2.2), (0.5, 3.0, 3.1, 0.9, 3.1, 2.6, 2.7))
DIVIDED = (1.5, 2.8)
LUMA, BLUE, RED = 1.0, 1.087, 0.825  # squared error in RGB of an error of 1 in each channel, relative to luma
CHANNEL_ENERGY = (LUMA, BLUE, RED)


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
    channels, names = (slice(0, 1), slice(1, 3))[number], NAMES[number]
    cost = [_fold(_cost(ycc, step, channels, i), i) + BIT * names[i] for i in range(len(SHAPES))]
    least, quarter = torch.stack(cost[WHOLE:]).min(0)
    tile = torch.stack([*cost[:WHOLE], _sums(least, 2, 2) + BIT * DIVIDED[number]]).argmin(0)
    tile = tile.repeat_interleave(2, 1).repeat_interleave(2, 2)
    return torch.where(tile < WHOLE, tile, quarter + WHOLE)


def _cost(ycc: Tensor, step: Tensor, channels: slice, number: int) -> Tensor:
    """Squared error + BIT * bits of every block of a shape, in squared luma steps, (B, rows, columns) of blocks."""
    x = ycc[:, channels]
    b, ch, height, width = x.shape
    r, c = SHAPES[number].rows, SHAPES[number].columns
    weights = shape_weights()[number, channels, :: TILE // r, :: TILE // c].to(x)  # (C, r, c)
    energy = weights.square() * torch.tensor(CHANNEL_ENERGY[channels]).to(x)[:, None, None]
    blocks = x.reshape(b, ch, height // r, r, width // c, c)
    across = blocks @ dct_matrix(c).to(x).T
    coefficients = (across.transpose(3, 5) @ dct_matrix(r).to(x).T).transpose(3, 5)  # (B, C, rows, r, columns, c)
    size = coefficients.abs() * (1 / (step.view(-1, 1, 1, 1) * weights))[:, :, None, :, None]
    error = (size - torch.floor(size + DEAD)).square_().mul_(energy[None, :, None, :, None])
    cost = error.add_(size.square_().mul_(4).log1p_(), alpha=BIT / math.log(2))
    return cost.sum((1, 3, 5))


def _fold(cost: Tensor, number: int) -> Tensor:
    """From blocks of a shape to the regions that they tile."""
    shape = SHAPES[number]
    return _sums(cost, shape.region // shape.rows, shape.region // shape.columns)


def _sums(x: Tensor, down: int, across: int) -> Tensor:
    if down == across == 1:
        return x
    return x.unflatten(2, (-1, across)).sum(3).unflatten(1, (-1, down)).sum(2)
