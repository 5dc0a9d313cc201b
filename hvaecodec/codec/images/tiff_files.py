"""TIFFs read and written some rows at a time, by tifffile; Pillow, which only reads them whole, reads the metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags
from PIL.TiffImagePlugin import TiffImageFile

from hvaecodec.codec.errors import CodecError, CodecUnavailable
from hvaecodec.codec.images.array_files import ArrayFile, ArrayWriter
from hvaecodec.codec.images.metadata import read_exif
from hvaecodec.codec.images.notes import Notes
from hvaecodec.codec.images.read import one_line

_MAX_SEGMENT = 1 << 28  # bytes that a strip or tile holds at most, since it is decoded whole
_CLASSIC = (1 << 32) - (1 << 24)  # bytes of pixels that a TIFF with offsets of 32 bits holds
_ROWS_PER_STRIP = 64


def tiff_size(path: str) -> tuple[int, int] | None:
    """Return the height and width of the picture in a file by its header, None if it is no TIFF or a damaged one."""
    try:
        with open(path, "rb") as file, TiffImageFile(file, path) as image:  # not Image.open, which has a limit
            return image.height, image.width
    except Exception:  # SyntaxError, struct.error, ...: whoever reads the picture says what is wrong
        return None


@dataclass(frozen=True)
class TiffRows:
    """The rows of a picture in strips or tiles that are decoded when they are asked for; see `RowSource`."""

    path: str
    shape: tuple[int, ...]
    icc: bytes | None = None
    exif: bytes | None = None

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return some rows, uint8. Raises CodecError if they cannot be decoded."""
        first, past, _ = rows.indices(self.shape[0])
        out = np.zeros((past - first, *self.shape[1:]), np.uint8)
        with _opened(self.path) as tiff:
            for top, left, part in _segments(tiff.pages[0], first, past):
                inside = slice(max(first - top, 0), min(past - top, len(part)))
                part = part[inside, : self.shape[1] - left]
                start = top + inside.start - first
                out[start : start + len(part), left : left + part.shape[1]] = part.reshape(
                    *part.shape[:2], *self.shape[2:]
                )
        return out


def open_tiff(path: str, notes: Notes) -> TiffRows | ArrayFile:
    """Open a TIFF whose first picture is grey or RGB of 8 bits, upright, without alpha; note what is left out of it.

    Raises CodecUnavailable where tifffile is not installed, CodecError for a TIFF that has to be read whole.
    """
    with _opened(path) as tiff:
        page = tiff.pages[0]
        if problem := _problem(page):
            raise CodecError(f"{path} cannot be read by rows: {problem}")
        if len(tiff.pages) > 1:
            notes.lose(f"frame 1 of {len(tiff.pages)} is used, the others are left out")
        shape = page.imagelength, page.imagewidth, *((3,) if page.samplesperpixel == 3 else ())
        contiguous, offset = page.is_contiguous, page.dataoffsets[0]
    with open(path, "rb") as file, TiffImageFile(file, path) as image:
        exif, _ = read_exif(image, notes)
        icc = image.info.get("icc_profile") or None
    return ArrayFile(path, offset, shape, icc, exif) if contiguous else TiffRows(path, shape, icc, exif)


def write_tiff(file: BinaryIO, shape: tuple[int, ...], icc: bytes | None) -> ArrayWriter:
    """Begin an uncompressed TIFF of a grey or RGB picture in an empty file, and return what takes its rows.

    Above 4 GB it is a BigTIFF. Raises CodecUnavailable where tifffile is not installed.
    """
    with _library().TiffWriter(file, bigtiff=prod(shape) > _CLASSIC) as tiff:
        offset, _ = tiff.write(
            shape=shape,
            dtype=np.uint8,
            photometric="rgb" if len(shape) == 3 else "minisblack",
            rowsperstrip=_ROWS_PER_STRIP,
            iccprofile=icc,
            metadata=None,
            software=False,
            returnoffset=True,
        )
    return ArrayWriter(file, offset, shape)


def _library() -> Any:
    try:
        import tifffile
    except ModuleNotFoundError as cause:
        raise CodecUnavailable('a TIFF by rows needs tifffile; pip install "hvaecodec[large]"') from cause
    return tifffile


class _opened:
    """A TIFF that is open in a block, in which any error is a CodecError that names the file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> Any:
        library = _library()
        try:
            self.tiff = library.TiffFile(self.path)
        except Exception as cause:
            raise self._problem(cause) from cause
        return self.tiff

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.tiff.close()
        if isinstance(error, Exception) and not isinstance(error, CodecError):
            raise self._problem(error) from error

    def _problem(self, cause: Exception) -> CodecError:
        return CodecError(f"{self.path}: cannot read this TIFF: {one_line(cause)}")


def _problem(page: Any) -> str | None:
    """Return why the picture of a TIFF cannot be read by rows, or None."""
    kinds = {1: {1}, 3: {2}}  # black is zero; RGB
    if page.dtype != np.uint8 or page.bitspersample != 8 or page.planarconfig != 1:
        kind = f"{page.bitspersample} bits of {page.dtype}"
        return f"its samples are {kind}, expected 8, with all colours of a pixel together"
    if int(page.photometric) not in kinds.get(page.samplesperpixel, ()):
        return f"it has {page.samplesperpixel} samples a pixel of kind {int(page.photometric)}, expected grey or RGB"
    orientation = page.tags.get(ExifTags.Base.Orientation)
    if orientation is not None and orientation.value != 1:
        return "its orientation is not upright"
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    n_bytes = min(rows, page.imagelength) * columns * page.samplesperpixel
    if not page.is_contiguous and n_bytes > _MAX_SEGMENT:
        return f"one of its strips holds {n_bytes} bytes, expected at most {_MAX_SEGMENT}; write it with smaller ones"
    return None


def _segments(page: Any, first: int, past: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Decode the strips or tiles of a page that hold some rows: row and column of each, and its pixels."""
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    across = -(-page.imagewidth // columns)
    numbers = range(first // rows * across, -(-past // rows) * across)
    offsets, lengths = (
        list(values)[numbers.start : numbers.stop] for values in (page.dataoffsets, page.databytecounts)
    )
    for data, number in page.parent.filehandle.read_segments(offsets, lengths, numbers):
        part, at, _ = page.decode(data, number, jpegtables=page.jpegtables)
        if part is not None:  # a segment that is left out is zero
            yield at[2], at[3], part[0]
