"""Which files are read and written by rows, and by what: .npy always, TIFFs if they are large."""

from __future__ import annotations

import os
import warnings
from importlib.util import find_spec
from typing import BinaryIO

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.limits import DECODED_PIXELS
from hvaecodec.codec.images.array_files import ArrayFile, ArrayWriter, open_npy, write_npy
from hvaecodec.codec.images.notes import Notes
from hvaecodec.codec.images.tiff_files import TiffRows, open_tiff, tiff_size, write_tiff

NPY, TIFF = frozenset({".npy"}), frozenset({".tif", ".tiff"})


def suffix_of(path: str) -> str:
    """Return the end of a file's name in lower case, such as ".tif"."""
    return os.path.splitext(path)[1].lower()


def open_rows(path: str, least: int, notes: Notes) -> ArrayFile | TiffRows | None:
    """Open a .npy, or a TIFF of more than `least` pixels that can be read by rows; None is for files to be read whole.

    Raises CodecError for a damaged .npy, and where neither way is open to a TIFF, since it is above Pillow's limit.
    """
    if suffix_of(path) in NPY:
        return open_npy(path)
    size = tiff_size(path) if suffix_of(path) in TIFF else None
    if size is None or size[0] * size[1] <= least:
        return None
    try:
        return open_tiff(path, notes)
    except CodecError:
        if size[0] * size[1] <= DECODED_PIXELS:
            return None
        raise


def is_written_by_rows(suffix: str, n_pixels: int, least: int) -> bool:
    """Return whether a picture is written by rows to a file of this suffix: a .npy always, a TIFF above `least` pixels.

    Without tifffile only one that is above Pillow's limit, for an error that names what is missing.
    """
    limit = least if suffix in TIFF and find_spec("tifffile") is not None else DECODED_PIXELS
    return suffix in NPY or (suffix in TIFF and n_pixels > limit)


def begin_rows(
    file: BinaryIO, suffix: str, shape: tuple[int, ...], icc: bytes | None, exif: bytes | None
) -> ArrayWriter:
    """Begin a .npy or a TIFF in an empty file and return what takes its rows; each loss of metadata is a UserWarning.

    Raises CodecUnavailable for a TIFF where tifffile is not installed.
    """
    kept = icc if suffix in TIFF else None
    for name, lost in (("ICC profile", icc and not kept), ("EXIF", exif)):
        if lost:
            warnings.warn(f"{suffix} by rows does not take its {name}, which is left out", stacklevel=2)
    return write_npy(file, shape) if suffix in NPY else write_tiff(file, shape, kept)
