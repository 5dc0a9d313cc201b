"""Pictures by their rows: what they are read from and written to where they are too large to be held whole.

Anything with a shape that gives and takes slices of rows will do: arrays in memory or mapped from files, those of
zarr or h5py, and what `hvaecodec.codec.images.row_files` opens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from hvaecodec.codec.format.limits import size_problem

LARGE = 1 << 26  # pixels; above them commands work by rows, and the photo codec's search looks at slices alone

Progress = Callable[[int, int], None]  # called with the rows that are done and all rows


class RowSource(Protocol):
    """A picture of `shape` (H, W) or (H, W, 3) whose rows can be read: `source[top:bottom]` returns some as uint8.

    It may have the attributes `icc` and `exif`, bytes or None, which then go into the file.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole picture."""

    def __getitem__(self, rows: slice) -> Any:
        """Return some rows, as an array or what `numpy.asarray` makes one of."""


class RowTarget(Protocol):
    """A place of `shape` for a picture: `target[top:bottom] = rows` writes some uint8 rows, from the top down."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole picture."""

    def __setitem__(self, rows: slice, values: np.ndarray) -> None:
        """Write some rows."""


def check_source(source: RowSource) -> None:
    """Raise ValueError unless the shape is that of a picture in grey or RGB of a size that a file has."""
    shape = tuple(source.shape)
    if len(shape) == 3 and shape[2] in (2, 4):
        raise ValueError(f"rows of shape {shape} have alpha, which is only coded of whole pictures; leave it out")
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise ValueError(f"rows of shape {shape}, expected (H, W) or (H, W, 3)")
    if problem := size_problem(shape[0], shape[1]):
        raise ValueError(problem)


def read_rows(source: RowSource, rows: slice) -> np.ndarray:
    """Return some rows of a source, contiguous uint8. Raises TypeError for another dtype, ValueError for other rows."""
    values = np.asarray(source[rows])
    if values.dtype != np.uint8:
        raise TypeError(f"rows of {values.dtype}, expected uint8 with values 0..255")
    expected = (rows.stop - rows.start, *source.shape[1:])
    if values.shape != expected:
        raise ValueError(f"rows {rows.start} to {rows.stop} have shape {values.shape}, expected {expected}")
    return np.ascontiguousarray(values)


def check_target(target: RowTarget, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless a target has the shape of the picture."""
    if tuple(target.shape) != shape:
        raise ValueError(f"the target has shape {tuple(target.shape)}, the picture {shape}")
