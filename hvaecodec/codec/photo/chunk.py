"""Chunks: the symbols that one call of the entropy coder takes, where they lie, and what the prior says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hvaecodec.codec.photo.by_shape import ByShape
from hvaecodec.models.integers import Coding
from hvaecodec.models.photo.layout import N_PLACES, TILE, Step


class Place(Protocol):
    """Where the symbols of a chunk lie in an array (3, 32, 32, rows, columns)."""

    @property
    def stream_level(self) -> int:
        """The stream that the symbols belong to."""

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return what lies here, in coding order: places in a tile or channels first, then tiles."""

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write values, in the order of `take`, into a contiguous array."""

    def values(self, by_shape: ByShape) -> np.ndarray:
        """Return what holds here by shape, in the order of `take`."""


@dataclass(frozen=True)
class DcPlace:
    """DCs of some channels. tiles: flat indices (N,) into the grid of tiles."""

    channels: slice
    tiles: np.ndarray
    stream_level: int = 0

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return the DCs, (channels, N)."""
        return self._dcs(array)[:, self.tiles]

    @property
    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """The flat places (channel, u, v) in a tile, (channels,), and the flat indices of the tiles, (N,)."""
        return np.arange(self.channels.start, self.channels.stop) * TILE**2, self.tiles

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write DCs, (channels, N)."""
        self._dcs(array)[:, self.tiles] = values

    def values(self, by_shape: ByShape) -> np.ndarray:
        """Return what holds for the DCs by shape, (channels, N)."""
        places, tiles = self.flat  # luma and chroma have different maps
        return np.stack([by_shape.at(place[None]).ravel()[tiles] for place in places])

    def _dcs(self, array: np.ndarray) -> np.ndarray:
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
        return self._flat(array)[self.step.places, self.rows]

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write symbols, (n, rows, columns)."""
        self._flat(array)[self.step.places, self.rows] = values

    def values(self, by_shape: ByShape) -> np.ndarray:
        """Return what holds for each symbol by shape, (n, rows, columns)."""
        return by_shape.at(self.step.places, self.rows)

    @staticmethod
    def _flat(array: np.ndarray) -> np.ndarray:
        return array.reshape(N_PLACES, *array.shape[3:])


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
