"""What the photo codec's walk asks of the library that runs its nets: `PhotoNets`, and the prior's exact integers.

The walk itself is numpy. `hvaecodec.codec.backends` has the modules that answer.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.weights import Generators
from hvaecodec.models.photo.prior_walk import Arithmetic, Array


class ExactPrior(Arithmetic, Protocol):
    """The prior's integers: an arithmetic that gives the same on every machine, with its way from numpy and back."""

    def tensor(self, values: np.ndarray) -> Array:
        """Bring an array of numpy into the arithmetic's own kind."""

    def numpy(self, x: Array) -> np.ndarray:
        """Bring an array of the arithmetic's kind into numpy."""


class PhotoNets(Protocol):
    """The nets of one folder of weights, and the transforms in floats around them.

    Symbols are int16 (3, 32, 32, rows, columns), by channel, frequency and tile.
    """

    generators: Generators

    def coefficients(self, pixels: np.ndarray, step_index: int) -> np.ndarray:
        """Return the coefficients of a uint8 (H, W) or (H, W, 3) picture, float32 in units of their steps."""

    def error_gradient(self, symbols: np.ndarray, step_index: int, pixels: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the squared error of the newest generator's picture, in squared grey levels, and its gradient."""

    def later_bits(self, symbols: np.ndarray, step_index: int) -> np.ndarray:
        """Return what changes of symbols cost in finer levels, (2, *symbols.shape); see `models.photo.later_bits`."""

    def context(self, symbols: np.ndarray, step_index: int) -> Any:
        """Return what the generator sees of symbols: the dequantised RGB picture, as the library's own array."""

    def thumbnail(self, symbols: np.ndarray, step_index: int, size: int) -> np.ndarray:
        """Return the band-limited picture of `size` pixels a tile, uint8 (rows * size, columns * size, 3)."""

    def render(self, symbols: np.ndarray, step_index: int, generator: bytes, settings: Decoding) -> np.ndarray:
        """Return the picture of a generator, by digest, at the settings, uint8 (32 rows, 32 columns, 3)."""
