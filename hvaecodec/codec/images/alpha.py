"""Alpha planes as the streams of files: 8-bit grey PNGs, of which every byte counts. docs/FORMAT.md is the norm."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.images import png

_AT_ONCE = 1 << 24  # bytes of the plane that a check looks at together
_FORM = (8, 0, 0, 0, 0)  # depth, colour type (grey), compression, filters, no interlace
_FILTERS = 5  # so many ways there are to code a row


def encode_alpha(plane: np.ndarray) -> bytes:
    """Encode an alpha plane, uint8 (H, W), as the bytes of an 8-bit grey PNG."""
    out = io.BytesIO()
    Image.fromarray(plane).save(out, "PNG", optimize=True)
    return out.getvalue()


def check_alpha(data: bytes, height: int, width: int) -> None:
    """Raise CorruptFile unless `data` is what `encode_alpha` writes for a plane of this size, or another such PNG.

    It is inflated some rows at a time, and nothing of it is kept.
    """
    try:
        _check_rows(_pixel_stream(data, height, width), height, width + 1)
    except (ValueError, zlib.error) as cause:
        raise CorruptFile(f"cannot read the alpha stream: {cause}") from cause


def decode_alpha(data: bytes, height: int, width: int) -> np.ndarray:
    """Decode the plane that `encode_alpha` encoded, uint8 (height, width). Raises CorruptFile for anything else."""
    check_alpha(data, height, width)
    with PngImageFile(io.BytesIO(data)) as image:  # not Image.open, whose limit of pixels is the process's
        return np.array(image)


def _pixel_stream(data: bytes, height: int, width: int) -> bytes:
    """Return the compressed rows of a PNG that holds nothing else. Raises ValueError, CorruptFile for another size."""
    if not data.startswith(png.SIGNATURE):
        raise ValueError("it is no PNG")
    chunks = list(png.chunks(data))
    kinds = [chunk.kind for chunk in chunks]
    if len(kinds) < 3 or kinds != [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"]:
        raise ValueError("its chunks are not IHDR, IDAT and IEND alone")
    if chunks[-1].end != len(data):
        raise ValueError(f"{len(data) - chunks[-1].end} bytes follow its IEND chunk")
    if len(chunks[0].body) != 13 or len(chunks[-1].body) or not all(len(chunk.body) for chunk in chunks[1:-1]):
        raise ValueError("one of its chunks has a length that an encoder does not write")
    columns, rows, *form = struct.unpack(">2I5B", chunks[0].body)
    if (rows, columns) != (height, width):
        raise CorruptFile(f"alpha is {rows} x {columns} pixels, expected {height} x {width}")
    if tuple(form) != _FORM:
        raise ValueError("it is not 8-bit grey without interlace")
    return b"".join(chunk.body for chunk in chunks[1:-1])


def _check_rows(stream: bytes, n_rows: int, row_bytes: int) -> None:
    """Raise ValueError or zlib.error unless a stream inflates to so many rows, each with a filter that there is."""
    inflate = zlib.decompressobj()
    at_once = max(1, _AT_ONCE // row_bytes)
    for first in range(0, n_rows, at_once):
        expected = row_bytes * min(at_once, n_rows - first)
        rows = inflate.decompress(stream, expected)
        stream = inflate.unconsumed_tail
        if len(rows) < expected:
            raise ValueError("its pixels end too soon")
        if max(rows[::row_bytes]) >= _FILTERS:
            raise ValueError("a row has a filter that there is not")
    if inflate.decompress(stream, 1) or not inflate.eof:
        raise ValueError("its pixels do not end where the plane does")
    if inflate.unused_data or inflate.unconsumed_tail:
        raise ValueError("bytes follow its pixels")
