"""What the photo codec's walk asks of the library that runs its nets: `PhotoNets`, and the prior's exact integers.

The walk itself is numpy. `hvaecodec.codec.backends` has the modules that answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hvaecodec.codec.bands import join_bands
from hvaecodec.codec.photo.context import Context, Windows
from hvaecodec.codec.photo.render import size_of
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.weights import Generators
from hvaecodec.models.photo.prior_walk import Arithmetic, Array


class ExactPrior(Arithmetic, Protocol):
    """The prior's integers: an arithmetic that gives the same on every machine, with its way from numpy and back."""

    def tensor(self, values: np.ndarray) -> Array:
        """Bring an array of numpy into the arithmetic's own kind."""

    def numpy(self, x: Array) -> np.ndarray:
        """Bring an array of the arithmetic's kind into numpy."""


@dataclass(frozen=True)
class Analysis:
    """An analysis has coefficients in units of their steps, float32 (3, 32, 32, rows, columns), and their shapes.

    shapes: maps of luma and chroma, int64 (2, 2 rows, 2 columns).
    """

    coefficients: np.ndarray
    shapes: np.ndarray


@dataclass(frozen=True)
class ErrorGradient:
    """The squared error of a generator's picture, in squared grey levels and summed over RGB samples, and gradients.

    by_symbol: float32 (3, 32, 32, rows, columns). by_row: by how much of each row of the generator's basis is added to
    its offsets, float64 (64,), or (0,) where it has none.
    """

    error: float
    by_symbol: np.ndarray
    by_row: np.ndarray


class PhotoNets(Protocol):
    """The nets of one folder of weights, and the transforms in floats around them."""

    generators: Generators

    def analyse(self, pixels: np.ndarray, step_index: int, shapes: np.ndarray | None = None) -> Analysis:
        """Transform a uint8 (H, W) or (H, W, 3) picture under maps of shapes; without them it chooses them, fast."""

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """Return a generator's inputs: dequantised RGB picture, maps and step index, as the library's own arrays."""

    def thumbnail(self, context: Context, size: int) -> np.ndarray:
        """Return the band-limited picture of `size` pixels a tile, uint8 (rows * size, columns * size, 3)."""

    def render_bands(self, context: Windows, generator: bytes, settings: Decoding) -> Iterator[np.ndarray]:
        """Give the picture of a generator, by digest, at the settings, from the top: uint8 (rows, 32 columns, 3)."""


@runtime_checkable
class GradientNets(Protocol):
    """What efforts 2 and 3 ask besides, of a library with gradients."""

    def error_gradient(self, context: Context, pixels: np.ndarray) -> ErrorGradient:
        """Return the squared error of the newest generator's picture and its gradients."""

    def squared_error(self, context: Context, pixels: np.ndarray) -> float:
        """Return the error of `error_gradient` without its gradients, sooner."""


def render(nets: PhotoNets, context: Context, generator: bytes, settings: Decoding) -> np.ndarray:
    """Return the picture of a generator, by digest, at the settings, uint8 (32 rows, 32 columns, 3)."""
    return join_bands(nets.render_bands(context, generator, settings), (*size_of(context), 3))
