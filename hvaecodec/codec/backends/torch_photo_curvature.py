"""Measures the curvature of a generator, which the encoder's search weighs errors by; training exports it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_photo_blocks import run_generator
from hvaecodec.codec.backends.torch_photo_transform import dequantise
from hvaecodec.codec.photo.curvature import KNOTS, Curvature, channel_weights
from hvaecodec.models.photo.generator import Generator

_NUDGE = 0.25  # of a step, the half width of the central difference


def measure_curvature(
    generator: Generator,
    symbols_at: Callable[[int], Iterable[np.ndarray]],
    delta: np.ndarray,
    s: np.ndarray,
    report: Callable[[float], None] = lambda done: None,
) -> Curvature:
    """Estimate the diagonal of J^T J as the mean of v * (J^T J v) over random signs v, by position in the tile.

    symbols_at: symbols int16 (3, 32, 32, rows, columns) of some pictures at a step index. delta: the luma step of every
    step index. s: (3, 32, 32). report: hears what part is done. The estimator is that of Bekas, Kokiopoulou and Saad,
    An estimator for the diagonal of a matrix (2007); J v is a central difference, J^T a backward pass.
    """
    rng = torch.Generator().manual_seed(0)
    table = []
    for done, knot in enumerate(np.rint(KNOTS).astype(int)):
        report(done / len(KNOTS))
        step_index, steps = int(knot), torch.from_numpy(delta[knot] * s)
        probes = [_probe(generator, symbols, steps, step_index, rng) for symbols in symbols_at(step_index)]
        energy = 3 * float(delta[knot]) ** 2 * channel_weights(s)
        table.append(np.mean(probes, 0) / energy)
    return Curvature(np.maximum(np.stack(table), 0).astype(np.float32))


def _probe(
    generator: Generator, symbols: np.ndarray, steps: Tensor, step_index: int, rng: torch.Generator
) -> np.ndarray:
    """v * (J^T J v) for one picture and one v, the mean over its tiles, (3, 32, 32)."""

    def picture(values: Tensor) -> Tensor:
        return run_generator(generator, dequantise(values, steps), step_index)

    centre = torch.from_numpy(symbols).float().requires_grad_()
    signs = torch.randint(0, 2, centre.shape, generator=rng) * 2.0 - 1
    with torch.no_grad():
        moved = (picture(centre + _NUDGE * signs) - picture(centre - _NUDGE * signs)) / (2 * _NUDGE)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad((picture(centre) * moved).sum(), centre)
    mean: np.ndarray = (signs * gradient).mean((-2, -1)).numpy()
    return mean
