"""Chunks: the symbols that one call of the entropy coder takes, where they lie, and what the prior says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hvaecodec.models.integers import Coding
from hvaecodec.models.photo.layout import Step


class Place(Protocol):
    """Where the symbols of a chunk lie in an array (3, 32, 32, rows, columns)."""

    @property
    def stream_level(self) -> int:
        """The stream that the symbols belong to."""

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return what lies here, in coding order: frequencies or channels first, then tiles."""

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write values, in the order of `take`, into a contiguous array."""

    def frequencies(self, array: np.ndarray) -> np.ndarray:
        """Return what holds here of an array (3, 32, 32), to be broadcast with what `take` returns."""


@dataclass(frozen=True)
class DcPlace:
    """DCs of some channels. tiles: flat indices (N,) into the grid of tiles."""

    channels: slice
    tiles: np.ndarray
    stream_level: int = 0

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return the DCs, (channels, N)."""
        return self._flat(array)[:, self.tiles]

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write DCs, (channels, N)."""
        self._flat(array)[:, self.tiles] = values

    def frequencies(self, array: np.ndarray) -> np.ndarray:
        """Return what holds for the DCs of each channel, (channels, 1)."""
        return array[self.channels, 0, 0][:, None]

    def _flat(self, array: np.ndarray) -> np.ndarray:
        dc = array[self.channels, 0, 0]
        return dc.reshape(len(dc), -1)


@dataclass(frozen=True)
class StepPlace:
    """The n symbols a tile has in a step, in some rows of tiles."""

    step: Step
    rows: slice

    @property
    def stream_level(self) -> int:
        """The stream that the step belongs to."""
        return self.step.stream_level

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return the symbols, (n, rows, columns)."""
        return np.concatenate([array[band.where][:, :, self.rows].reshape(band.n**2, -1, array.shape[-1])
                               for band in self.step.bands])  # fmt: skip

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write symbols, (n, rows, columns)."""
        start = 0
        for band in self.step.bands:
            part = values[start : start + band.n**2]
            array[band.where][:, :, self.rows] = part.reshape(band.n, band.n, *values.shape[1:])
            start += band.n**2

    def frequencies(self, array: np.ndarray) -> np.ndarray:
        """Return what holds for each frequency, (n, 1, 1)."""
        return np.concatenate([array[band.where].ravel() for band in self.step.bands])[:, None, None]


@dataclass(frozen=True)
class Chunk:
    """The symbols of one coder call: their place and, for each, how it is coded (arrays of the shape of `take`)."""

    place: Place
    coding: Coding

    @property
    def stream_level(self) -> int:
        """The stream that takes the chunk."""
        return self.place.stream_level

    def flat(self, some: np.ndarray | slice = slice(None)) -> Coding:
        """Return the coding in coding order, flat arrays: of all symbols, or of those at some flat positions."""
        return Coding(*(part.ravel()[some] for part in self.coding))
