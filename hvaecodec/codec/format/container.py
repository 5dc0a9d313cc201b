"""The `.hvc` container: a header and named streams, packed and checked. docs/FORMAT.md is the norm.

Nothing here knows what a stream means. `unpack` trusts no byte that it has not checked: magic,
version, limits, header checksum, lengths, file checksum and stream checksums, in that order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.fields import check_crc, compare_crc
from hvaecodec.codec.format.header import (
    MAGIC,
    MAX_LEVELS,
    VERSION,
    Header,
    Stream,
    StreamTable,
    header_bytes,
    header_problem,
    read_stream_table,
)
from hvaecodec.codec.format.wire_ids import ALPHA, EXIF, EXTRA_NAMES, ICC

__all__ = [
    "ALPHA",
    "EXIF",
    "EXTRA_NAMES",
    "ICC",
    "MAGIC",
    "MAX_LEVELS",
    "VERSION",
    "Container",
    "Header",
    "pack",
    "read_header",
    "unpack",
]


@dataclass(frozen=True)
class Container:
    """A checked file. `levels` holds the complete ones that were asked for, coarse to fine.

    level_lengths: bytes of every level as the header declares them, also of those not in `levels`.
    truncated: the file was cut; only under `partial=True`. framing_bytes: header and checksums.
    """

    header: Header
    levels: tuple[bytes, ...]
    extras: tuple[tuple[int, bytes], ...]
    level_lengths: tuple[int, ...]
    framing_bytes: int
    truncated: bool

    def extra(self, kind: int) -> bytes | None:
        """Return the payload of one extra stream (ALPHA, ICC, EXIF), or None if there is no such stream."""
        return dict(self.extras).get(kind)


def pack(header: Header, levels: Sequence[bytes], extras: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """Pack a header, the level streams coarse to fine, and the extra streams into a complete file.

    extras: (type, payload) in any order. Raises ValueError for anything that FORMAT.md does not allow.
    """
    extras = sorted(extras)
    if problem := header_problem(header, len(levels), [kind for kind, _ in extras]):
        raise ValueError(problem)
    payloads = *(payload for _, payload in extras), *levels
    data = b"".join((header_bytes(header, levels, extras), *payloads))
    return data + struct.pack("<I", crc32(data))


def read_header(data: bytes) -> Header:
    """Read the header alone, checked against its own checksum; the payloads are not looked at.

    Raises CodecError, or TypeError for something else than bytes.
    """
    return read_stream_table(_as_bytes(data)).header


def unpack(data: bytes, *, partial: bool = False, max_levels: int | None = None) -> Container:
    """Check a whole file and take it apart.

    partial: accept a file cut after its coarsest level; complete levels are returned, an incomplete
    one is left out. max_levels: return at most so many levels; all that is there is still checked.
    Raises CodecError (NotThisFormat, UnsupportedVersion, CorruptFile, CodecUnavailable).
    """
    if max_levels is not None and max_levels < 1:
        raise ValueError(f"max_levels is {max_levels}, must be at least 1")
    data = _as_bytes(data)
    table = read_stream_table(data)
    truncated = _check_lengths(table, len(data), partial)
    if not truncated:
        check_crc(data, len(data) - 4, "file")
    present = [level for level in table.levels if level.end <= len(data)]
    for stream in (*table.extras, *present):
        _check_stream(data, stream)
    return Container(
        header=table.header,
        levels=tuple(data[s.start : s.end] for s in present[:max_levels]),
        extras=tuple((s.kind, data[s.start : s.end]) for s in table.extras),
        level_lengths=tuple(s.length for s in table.levels),
        framing_bytes=table.end + 4,
        truncated=truncated,
    )


def _as_bytes(data: bytes) -> bytes:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"a file is bytes, not {type(data).__name__}")
    return bytes(data)


def _check_lengths(table: StreamTable, n_bytes: int, partial: bool) -> bool:
    """Return whether the file is cut where `partial` allows it. Raises CorruptFile for any other wrong length."""
    total = table.payload_end + 4
    if n_bytes > total:
        raise CorruptFile(f"{n_bytes - total} bytes follow the end of the file at offset {total}")
    if n_bytes == total:
        return False
    needed = (*table.extras, *table.levels[: 1 if partial else None])
    for stream in needed:
        if stream.end > n_bytes:
            raise CorruptFile(
                f"{stream.name} needs {stream.length} bytes at offset {stream.start}, only "
                f"{max(0, n_bytes - stream.start)} remain; the file is truncated"
            )
    if not partial:
        raise CorruptFile(f"the file ends at {n_bytes} of {total} bytes; its checksum is cut off")
    return True


def _check_stream(data: bytes, stream: Stream) -> None:
    compare_crc(crc32(memoryview(data)[stream.start : stream.end]), stream.crc, stream.name)
