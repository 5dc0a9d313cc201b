"""The EXIF block that a file carries, from its TIFF header on: what its first directory says of the orientation.

Blocks are read here and not by Pillow, which warns the whole process of some damage and decodes pixels on the way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

ORIENTATION, X_RESOLUTION = 0x0112, 0x011A
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # types of tags: BYTE, SHORT, LONG
_PREFIX = b"Exif\0\0"  # which JPEG puts in front


class Tag(NamedTuple):
    """An entry of a block's first directory; at: the offset of its value, or of what says where that is."""

    number: int
    kind: int
    n_values: int
    at: int


def reset_orientation(block: bytes) -> bytes:
    """Set the orientation of an EXIF block to 1, every other byte as it was; a leading `Exif` is cut off.

    Patched in place, since rewriting the tags would lose thumbnails and makers' notes.
    Raises struct.error if the block ends too soon, ValueError if it is not EXIF.
    """
    block = block.removeprefix(_PREFIX)
    patched = bytearray(block)
    for tag in _orientations(block):
        _patch(patched, tag)
    return bytes(patched)


def upright_block(block: bytes) -> bytes | None:
    """Return the EXIF stream of a file with orientation 1, as far as it can be read; None if it is not EXIF.

    Whoever writes a file has set it to 1; a reader takes any other for 1, since the pixels are upright.
    """
    block = block.removeprefix(_PREFIX)
    patched = bytearray(block)
    try:
        with suppress(struct.error):
            for tag in _orientations(block):
                _patch(patched, tag)
    except ValueError:
        return None
    return bytes(patched)


def orientation_of(block: bytes) -> int | None:
    """Return the orientation that an EXIF block states, 1..8, or None. Raises as `reset_orientation` does."""
    block = block.removeprefix(_PREFIX)
    for tag in _orientations(block):
        (orientation,) = struct.unpack_from(_order(block) + _INTEGERS[tag.kind], block, tag.at)
        return orientation if orientation in range(1, 9) else None
    return None


def has_tag(block: bytes, number: int) -> bool:
    """Return whether the first directory of an EXIF block has a tag. Raises as `reset_orientation` does."""
    return any(tag.number == number for tag in _tags(block.removeprefix(_PREFIX)))


def _orientations(block: bytes) -> Iterator[Tag]:
    return (tag for tag in _tags(block) if (tag.number, tag.n_values) == (ORIENTATION, 1) and tag.kind in _INTEGERS)


def _patch(block: bytearray, tag: Tag) -> None:
    struct.pack_into(_order(bytes(block[:4])) + _INTEGERS[tag.kind], block, tag.at, 1)


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
        number, kind, n_values, _ = struct.unpack_from(f"{order}HHI4s", block, at)
        yield Tag(number, kind, n_values, at + 8)
