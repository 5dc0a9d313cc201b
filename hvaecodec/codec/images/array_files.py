"""Arrays in files, rows after rows behind a header: .npy, and what else holds its pixels so. Nothing is mapped."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import reason

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayFile:
    """The rows of a picture in a file, uint8, read when they are asked for; see `hvaecodec.codec.rows.RowSource`.

    offset: of the first row, in bytes. shape: (H, W) or (H, W, channels). icc, exif: its metadata, if it has such.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    icc: bytes | None = None
    exif: bytes | None = None

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return some rows. Raises CodecError if they cannot be read."""
        first, past, _ = rows.indices(self.shape[0])
        row = prod(self.shape[1:])
        try:
            with open(self.path, "rb") as file:
                values = np.fromfile(file, np.uint8, (past - first) * row, offset=self.offset + first * row)
        except OSError as cause:
            raise CodecError(f"cannot read {self.path}: {reason(cause)}") from cause
        if values.size < (past - first) * row:
            raise CodecError(f"{self.path}: rows {first} to {past} are not there; the file is truncated")
        return values.reshape(past - first, *self.shape[1:])


class ArrayWriter:
    """A file that takes the rows of a picture behind a header; see `hvaecodec.codec.rows.RowTarget`."""

    def __init__(self, file: BinaryIO, offset: int, shape: tuple[int, ...]) -> None:
        self.file, self.offset, self.shape = file, offset, shape

    def __setitem__(self, rows: slice, values: np.ndarray) -> None:
        """Write some rows, uint8. Raises OSError."""
        self.file.seek(self.offset + rows.start * prod(self.shape[1:]))
        self.file.write(np.ascontiguousarray(values).data)


def open_npy(path: str) -> ArrayFile:
    """Open an array of numpy, uint8 and rows after rows. Raises CodecError for anything else in the file."""
    try:
        with open(path, "rb") as file:
            read_header = _HEADERS.get(npy.read_magic(file))
            if read_header is None:
                raise ValueError("its version is newer than 2.0")
            shape, by_columns, dtype = read_header(file)
            array = ArrayFile(path, file.tell(), shape)
            n_bytes = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as cause:
        raise CodecError(f"cannot read {path} as an array of numpy: {reason(cause)}") from cause
    if dtype != np.uint8 or by_columns or not 2 <= len(shape) <= 3:
        order = " by columns" if by_columns else ""
        raise CodecError(f"{path}: an array of {dtype} {shape}{order}, expected uint8 (H, W) or (H, W, 3) by rows")
    if n_bytes < array.offset + prod(shape):
        raise CodecError(f"{path}: {n_bytes} bytes, expected {array.offset + prod(shape)}; the file is truncated")
    return array


def write_npy(file: BinaryIO, shape: tuple[int, ...]) -> ArrayWriter:
    """Begin an array of numpy, uint8, in an empty file, and return what takes its rows."""
    npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return ArrayWriter(file, file.tell(), shape)
