"""How much the generator's picture changes with a symbol: the weights of the encoder's search.

With J the derivative of the generator's picture by the dequantised coefficients, a small error in coefficient i costs
(J^T J)_ii of squared error. It is 1 (times the error's own energy) without a generator and well below it where the
generator predicts a coefficient from others or takes it for noise, as it does in chroma and at high frequencies.
`hvaecodec.codec.backends.torch_photo_curvature` measures it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import usable
from hvaecodec.models.photo.block_shapes import SHAPES
from hvaecodec.models.photo.quality import N_INDICES

CURVATURE = "curvature.safetensors"
KNOTS = np.linspace(0, N_INDICES - 1, 9)  # step indices; between them the logarithm of the step is linear

# Mean squared RGB error of a unit error in Y, Cb, Cr relative to Y: squared columns of the YCbCr-to-RGB matrix.
CHANNEL_WEIGHTS = (1.0, 1.0862, 0.8250)


@dataclass(frozen=True)
class Curvature:
    """The squared RGB error of small errors in coefficients through the generator, relative to that without it.

    table: float32 (knots, 7, 3, 32, 32) by shape and place, at the step indices KNOTS.
    """

    table: np.ndarray

    @classmethod
    def flat(cls) -> Curvature:
        """Return the curvature of no generator, for weights that come without a measurement."""
        return cls(np.ones((len(KNOTS), len(SHAPES), 3, 32, 32), np.float32))

    @classmethod
    def load(cls, folder: Path) -> Curvature:
        """Load that of a folder of weights, `flat` if it has none. Raises CodecUnavailable for a damaged file."""
        if not os.path.lexists(folder / CURVATURE):
            return cls.flat()
        with usable(f"cannot use the weights {folder / CURVATURE}"):
            table = read_weights(folder / CURVATURE).arrays["curvature"]
            if table.shape != cls.flat().table.shape or table.dtype.kind != "f" or table.min() < 0:
                raise ValueError(f"a curvature of {table.dtype} {table.shape} is none of ours, or below 0")
            return cls(table.astype(np.float32))

    def at(self, step_index: int) -> np.ndarray:
        """Return the curvature at a step index, (7, 3, 32, 32) float32, between knots linear."""
        position = float(np.interp(step_index, KNOTS, np.arange(len(KNOTS))))
        low = min(int(position), len(KNOTS) - 2)
        part = position - low
        return (1 - part) * self.table[low] + part * self.table[low + 1]


def channel_weights(s: np.ndarray) -> np.ndarray:
    """Return the mean squared RGB error of an error of one step, without a generator, in squared luma steps.

    s: the relative steps S, (7, 3, 32, 32); the result is float32 of that shape.
    """
    return np.array(CHANNEL_WEIGHTS, np.float32)[:, None, None] * s.astype(np.float32) ** 2
