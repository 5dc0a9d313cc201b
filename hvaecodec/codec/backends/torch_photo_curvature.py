"""Measures the curvature of a generator, which the encoder's search weighs errors by; training exports it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_photo_blocks import Varied, run_generator
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.curvature import KNOTS, Curvature, channel_weights
from hvaecodec.models.photo.generator import Generator

_NUDGE = 0.25  # of a step, the half width of the central difference
_DOUBT = 64.0  # tiles of the mean of all shapes that count beside a shape's own


def measure_curvature(
    generator: Generator,
    contexts_at: Callable[[int], Iterable[Context]],
    delta: np.ndarray,
    s: np.ndarray,
    report: Callable[[float], None] = lambda done: None,
) -> Curvature:
    """Estimate the diagonal of J^T J as the mean of v * (J^T J v) over random signs v, by shape and place in the tile.

    contexts_at: contexts of some pictures at a step index. delta: the luma step of every step index. s: (7, 3, 32, 32).
    report: hears what part is done. The estimator is that of Bekas, Kokiopoulou and Saad, An estimator for the diagonal
    of a matrix (2007); J v is a central difference, J^T a backward pass. A shape that is rare takes the mean of its
    channel's shapes for a part of its own.
    """
    rng = torch.Generator().manual_seed(0)
    table = []
    for done, knot in enumerate(np.rint(KNOTS).astype(int)):
        report(done / len(KNOTS))
        steps = torch.from_numpy(delta[knot] * s)
        sums, counts = np.zeros(s.shape), np.zeros(s.shape)
        for context in contexts_at(int(knot)):
            _add(sums, counts, _probe(generator, context, steps, rng), context.shapes)
        energy = 3 * float(delta[knot]) ** 2 * channel_weights(s)
        mean = (sums.sum(0) / counts.sum(0).clip(1)) / energy.mean(0)
        table.append((sums / energy + _DOUBT * mean) / (counts + _DOUBT))
    return Curvature(np.maximum(np.stack(table), 0).astype(np.float32))


def _add(sums: np.ndarray, counts: np.ndarray, values: np.ndarray, shapes: np.ndarray) -> None:
    """Add values (3, 32, 32, rows, columns) to sums and their number to counts, (7, 3, 32, 32), by shape and place."""
    for channel in range(3):
        plane = shapes[min(channel, 1)]
        for i, j in np.ndindex(2, 2):
            quarter, part = plane[i::2, j::2], values[channel, i::2, j::2]
            for number in np.unique(quarter):
                where = quarter == number
                sums[number, channel, i::2, j::2] += part[:, :, where].sum(-1)
                counts[number, channel, i::2, j::2] += where.sum()


def _probe(generator: Generator, context: Context, steps: Tensor, rng: torch.Generator) -> np.ndarray:
    """v * (J^T J v) for one picture and one v, (3, 32, 32, rows, columns)."""

    def picture(symbols: Tensor) -> Tensor:
        return run_generator(generator, context, steps, varied=Varied(symbols))

    centre = torch.from_numpy(context.symbols).float().requires_grad_()
    signs = torch.randint(0, 2, centre.shape, generator=rng) * 2.0 - 1
    with torch.no_grad():
        moved = (picture(centre + _NUDGE * signs) - picture(centre - _NUDGE * signs)) / (2 * _NUDGE)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad((picture(centre) * moved).sum(), centre)
    product: np.ndarray = (signs * gradient).numpy()
    return product
