"""The chunks of a PNG, each checked against its own checksum: Pillow does not check those of the pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Chunk(NamedTuple):
    """A chunk: its type, such as b"IDAT", its contents, and the offset of the first byte after it."""

    kind: bytes
    body: memoryview
    end: int


def chunks(data: bytes) -> Iterator[Chunk]:
    """Go through the chunks of a PNG up to IEND. Raises ValueError for one that is cut or was changed."""
    at, view = len(SIGNATURE), memoryview(data)
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError(f"the PNG ends at {len(data)} bytes, before its IEND chunk; it is truncated")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError(f"PNG chunk {_name(kind)} at offset {at} needs {end - len(data)} bytes more")
        if crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise ValueError(f"PNG chunk {_name(kind)} at offset {at} does not fit its checksum; it was changed")
        yield Chunk(kind, view[at + 8 : end - 4], end)
        at = end


def check_chunks(data: bytes) -> None:
    """Raise ValueError for a PNG that is cut before its IEND, or of which a chunk was changed."""
    for _ in chunks(data):
        pass


def _name(kind: bytes) -> str:
    return kind.decode("latin-1").encode("ascii", "backslashreplace").decode()
