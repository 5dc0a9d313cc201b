"""How much the generator's picture changes with a symbol: the weights of the encoder's search.

With J the derivative of the generator's picture by the dequantised coefficients, a small error in coefficient i costs
(J^T J)_ii of squared error. It is 1 (times the error's own energy) without a generator and well below it where the
generator predicts a coefficient from others or takes it for noise, as it does in chroma and at high frequencies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load as load_arrays
from torch import Tensor

from hvaecodec.codec.photo.picture import run_generator
from hvaecodec.codec.weights import read_weights
from hvaecodec.models.dct import coefficients_to_tiles, ycc_to_rgb
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quantiser import N_INDICES

CURVATURE = "curvature.safetensors"
KNOTS = np.linspace(0, N_INDICES - 1, 9)  # step indices; between them the logarithm of the step is linear
_NUDGE = 0.25  # of a step, the half width of the central difference

# Mean squared RGB error of a unit error in Y, Cb, Cr relative to Y: squared columns of the YCbCr-to-RGB matrix.
CHANNEL_WEIGHTS = (1.0, 1.0862, 0.8250)


@dataclass(frozen=True)
class Curvature:
    """table: float32 (knots, 3, 32, 32), squared RGB error of a small error in a coefficient through the generator,
    relative to the same error without it, at the step indices KNOTS."""

    table: np.ndarray

    @classmethod
    def flat(cls) -> Curvature:
        """That of no generator, for weights that come without a measurement."""
        return cls(np.ones((len(KNOTS), 3, 32, 32), np.float32))

    @classmethod
    def load(cls, folder: Path) -> Curvature:
        """The one of a folder of weights, `flat` if it has none. Raises CodecUnavailable for a damaged file."""
        if not (folder / CURVATURE).is_file():
            return cls.flat()
        data, _ = read_weights(folder / CURVATURE)
        return cls(load_arrays(data)["curvature"].astype(np.float32))

    def at(self, index: int) -> np.ndarray:
        """(3, 32, 32) float32 at a step index, between knots linear."""
        position = float(np.interp(index, KNOTS, np.arange(len(KNOTS))))
        low = min(int(position), len(KNOTS) - 2)
        part = position - low
        return (1 - part) * self.table[low] + part * self.table[low + 1]


def channel_weights(s: np.ndarray) -> np.ndarray:
    """(3, 32, 32) float32: mean squared RGB error of an error of one step, in squared luma steps, without a generator."""
    return np.array(CHANNEL_WEIGHTS, np.float32)[:, None, None] * s.astype(np.float32) ** 2


def measure(
    generator: Generator,
    symbols_at: Callable[[int], Iterable[np.ndarray]],
    delta: Tensor,
    s: Tensor,
    report: Callable[[float], None] = lambda done: None,
) -> Curvature:
    """Estimate the diagonal of J^T J as the mean of v * (J^T J v) over random signs v, by position in the tile.

    symbols_at: symbols int16 (3, 32, 32, rows, columns) of some pictures at a step index. delta: step of every index.
    s: (3, 32, 32). The estimator is that of Bekas, Kokiopoulou and Saad, An estimator for the diagonal of a matrix
    (2007); J v is a central difference, J^T a backward pass.
    """
    rng = torch.Generator().manual_seed(0)
    table = []
    for done, index in enumerate(np.rint(KNOTS).astype(int)):
        report(done / len(KNOTS))
        probes = [_probe(generator, symbols, delta[index] * s, int(index), rng) for symbols in symbols_at(int(index))]
        energy = 3 * float(delta[index]) ** 2 * channel_weights(s.numpy())
        table.append(np.mean(probes, 0) / energy)
    return Curvature(np.maximum(np.stack(table), 0).astype(np.float32))


def _probe(generator: Generator, symbols: np.ndarray, steps: Tensor, index: int, rng: torch.Generator) -> np.ndarray:
    """v * (J^T J v) for one picture and one v, mean over its tiles, (3, 32, 32)."""

    def picture(values: Tensor) -> Tensor:
        return run_generator(
            generator, ycc_to_rgb(coefficients_to_tiles((values * steps[..., None, None])[None])), index
        )

    centre = torch.from_numpy(symbols).float().requires_grad_()
    signs = torch.randint(0, 2, centre.shape, generator=rng) * 2.0 - 1
    with torch.no_grad():
        moved = (picture(centre + _NUDGE * signs) - picture(centre - _NUDGE * signs)) / (2 * _NUDGE)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad((picture(centre) * moved).sum(), centre)
    mean: np.ndarray = (signs * gradient).mean((-2, -1)).numpy()
    return mean
