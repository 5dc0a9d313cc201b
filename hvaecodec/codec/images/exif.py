"""The EXIF block of a picture as its file carries it, with the orientation reset once the pixels are upright.

Blocks are read here and not by Pillow, which warns the whole process of some damage and decodes pixels on the way.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import ExifTags, Image

from hvaecodec.codec.images.notes import Notes

_ORIENTATION = ExifTags.Base.Orientation
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # types of tags: BYTE, SHORT, LONG
_RAW_PROFILE = "Raw profile type exif"  # a text of older PNGs
_XMP_ORIENTATION = re.compile(r'tiff:Orientation(?:="|>)([2-8])')
# A TIFF keeps its own layout among its tags; only these say something about the picture.
_TIFF_KEEP = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
_TIFF_KEEP_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


class Tag(NamedTuple):
    """An entry of a block's first directory; at: the offset of its value, or of what says where that is."""

    number: int
    kind: int
    n_values: int
    at: int


def read_exif(image: Image.Image, notes: Notes) -> tuple[bytes | None, int]:
    """Return the EXIF block of an image whose pixels are loaded, with orientation 1, and the orientation it had, 1..8.

    Pillow turns a TIFF upright as it loads it, so that one has orientation 1. Where EXIF says nothing, XMP does. A
    damaged block is left out and noted, and the pixels stay as they are.
    """
    try:
        if image.format == "TIFF":
            block = _of_tiff(image)
            return reset_orientation(block) if block else None, 1
        block = image.info.get("exif") or _of_text(image.info.get(_RAW_PROFILE))
        if not block:
            return None, _orientation_of_xmp(image)
        return reset_orientation(block), _orientation_of(block) or _orientation_of_xmp(image)
    # Which of these a damaged block raises depends on where the damage is.
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, AttributeError, struct.error, UserWarning):
        notes.lose("its EXIF cannot be read and is left out")
        return None, 1


def reset_orientation(block: bytes) -> bytes:
    """Set the orientation of an EXIF block to 1, every other byte as it was; a leading `Exif` is cut off.

    Patched in place, since rewriting the tags would lose thumbnails and makers' notes.
    Raises struct.error if the block ends too soon, ValueError if it is not EXIF.
    """
    block = block.removeprefix(b"Exif\0\0")
    patched = bytearray(block)
    for tag in _tags(block):
        if tag.number == _ORIENTATION and tag.kind in _INTEGERS and tag.n_values == 1:
            struct.pack_into(_order(block) + _INTEGERS[tag.kind], patched, tag.at, 1)
    return bytes(patched)


def has_tag(block: bytes, number: int) -> bool:
    """Return whether the first directory of an EXIF block has a tag. Raises as `reset_orientation` does."""
    return any(tag.number == number for tag in _tags(block))


def _orientation_of(block: bytes) -> int | None:
    """Return the orientation that an EXIF block states, 1..8, or None."""
    block = block.removeprefix(b"Exif\0\0")
    for tag in _tags(block):
        if tag.number == _ORIENTATION and tag.kind in _INTEGERS and tag.n_values == 1:
            (orientation,) = struct.unpack_from(_order(block) + _INTEGERS[tag.kind], block, tag.at)
            return orientation if orientation in range(1, 9) else None
    return None


def _orientation_of_xmp(image: Image.Image) -> int:
    xmp = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or ""
    text = xmp.decode("latin-1") if isinstance(xmp, bytes) else str(xmp)
    match = _XMP_ORIENTATION.search(text)
    return int(match[1]) if match else 1


def _order(block: bytes) -> str:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        raise ValueError("not an EXIF block")
    return order


def _tags(block: bytes) -> Iterator[Tag]:
    """Go through the first directory of a block without a leading `Exif`."""
    order = _order(block)
    (ifd,) = struct.unpack_from(f"{order}I", block, 4)
    (n_tags,) = struct.unpack_from(f"{order}H", block, ifd)
    for index in range(n_tags):
        at = ifd + 2 + 12 * index
        number, kind, count, _ = struct.unpack_from(f"{order}HHI4s", block, at)
        yield Tag(number, kind, count, at + 8)


def _of_text(text: str | None) -> bytes | None:
    """Return the block that older PNGs hold as a text: a few lines that describe it, then hexadecimal digits."""
    return bytes.fromhex("".join(text.split("\n")[3:])) if text else None


def _of_tiff(image: Image.Image) -> bytes | None:
    tags = image.getexif()
    block = Image.Exif()
    for tag in _TIFF_KEEP:
        if tag in tags:
            block[tag] = tags[tag]
    for ifd in _TIFF_KEEP_IFDS:
        if values := tags.get_ifd(ifd):
            block.get_ifd(ifd).update(values)
    return block.tobytes() if len(block) or any(block.get_ifd(i) for i in _TIFF_KEEP_IFDS) else None
