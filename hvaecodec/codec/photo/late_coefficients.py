"""The coefficients of a wide slice, of which only those are there that the walk is about to code.

A slice of 32,768 columns has 800 MB of coefficients. The walk takes them step by step, coarse to fine, and three
quarters of them are of the finest level. So they come in three parts, of which one is there at a time: all coarser
levels; the finest one's luma, transformed again when its first step comes; and its chroma, a few rows at a time, since
all is one step.
"""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.photo.chunk import DcPlace, StepPlace
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.nets import PhotoNets
from hvaecodec.codec.photo.render import strips
from hvaecodec.models.photo.layout import N_LEVELS, N_PLACES, STEPS, TILE, Step

LEAST_COLUMNS = 129  # of tiles; below, an array of all is small, and strips of the backends hold several rows
_FINEST = [step for step in STEPS if step.stream_level == N_LEVELS - 1]
_LUMA = np.concatenate([step.places for step in _FINEST if step.map_number == 0])
_CHROMA = np.concatenate([step.places for step in _FINEST if step.map_number == 1])
_COARSE = np.setdiff1d(np.arange(N_PLACES), np.concatenate([_LUMA, _CHROMA]))


class LateCoefficients:
    """What a `Rounder` takes its targets from in the place of an array: the same numbers.

    pixels: uint8 (H, W) or (H, W, 3), the rows of the slice. shapes: its maps; without them they are chosen.
    """

    def __init__(self, nets: PhotoNets, pixels: np.ndarray, frame: Frame, shapes: np.ndarray | None = None) -> None:
        self.nets, self.pixels, self.frame = nets, pixels, frame
        rows, columns = frame.grid
        self.shapes = np.zeros((2, 2 * rows, 2 * columns), np.int64) if shapes is None else shapes
        self._chosen = shapes is not None
        self._hold(_COARSE)
        self._chosen = True

    def take(self, place: DcPlace | StepPlace) -> np.ndarray:
        """Return the coefficients of a place, float32, in coding order. The finest level is asked for last."""
        if isinstance(place, StepPlace):
            return self._of_step(place.step, place.rows)
        places, tiles = place.flat
        return self._values[self._numbers[places]].reshape(len(places), -1)[:, tiles]

    def _of_step(self, step: Step, rows: slice) -> np.ndarray:
        """The coefficients of a step in some rows of tiles, (n, rows, columns)."""
        if step.stream_level == N_LEVELS - 1 and step.map_number == 1:
            return self._computed(rows)[step.places]
        if step.stream_level == N_LEVELS - 1 and self._places is not _LUMA:
            self._hold(_LUMA)
        return self._values[self._numbers[step.places], rows]

    def _hold(self, places: np.ndarray) -> None:
        """Let only the coefficients of some flat places be there."""
        self._values = np.empty((len(places), *self.frame.grid), np.float32)
        self._places, self._numbers = places, np.full(N_PLACES, -1)
        self._numbers[places] = np.arange(len(places))
        for strip in strips(*self.frame.grid):
            self._values[:, strip] = self._computed(strip)[places]

    def _computed(self, rows: slice) -> np.ndarray:
        """All coefficients of some rows of tiles, (3072, rows, columns), which also chooses their shapes at first."""
        pixels, quadrants = self.pixels[rows.start * TILE : rows.stop * TILE], slice(2 * rows.start, 2 * rows.stop)
        own = self.shapes[:, quadrants]
        analysis = self.nets.analyse(pixels, self.frame.step_index, own if self._chosen else None)
        own[:] = analysis.shapes
        return analysis.coefficients.reshape(N_PLACES, *analysis.coefficients.shape[3:])
