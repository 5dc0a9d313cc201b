"""The header of an `.hvc` file and its table of streams, written and read. docs/FORMAT.md is the norm.

Reading makes every check that is possible without the payloads: magic, version, limits, header checksum, ids.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple
from zlib import crc32

from hvaecodec.codec.errors import CodecUnavailable, CorruptFile, NotThisFormat, UnsupportedVersion
from hvaecodec.codec.format.fields import Reader, check_crc, varint
from hvaecodec.codec.format.limits import MAX_SIDE, size_problem
from hvaecodec.codec.format.wire_ids import (
    ALPHA,
    CODECS,
    EXTRA_NAMES,
    LATENT_TYPES,
    MODE_IDS,
    codec_with_id,
    mode_with_id,
)

MAGIC = b"HVC"
VERSION = 1
MAX_LEVELS = 31

_MODE_BITS, _HAS_EXTRAS, _LEVELS_SHIFT = 0b011, 0b100, 3  # of the flags
_FIXED = struct.Struct("<3sBB4s2s")
_MAX_LENGTH = 2**32 - 1


@dataclass(frozen=True)
class Header:
    """What a file says about itself before its streams.

    mode: "L", "LA", "RGB" or "RGBA". weights, generator: the first 4 and 2 bytes of the SHA-256 of
    the bitstream weights and of the generator. step_index: 0..65535, quality on the wire.
    """

    codec: str
    mode: str
    height: int
    width: int
    step_index: int
    weights: bytes
    generator: bytes


@dataclass(frozen=True)
class Stream:
    """The place of a payload in a file. kind: the type of an extra stream, 0 for a level stream."""

    name: str
    kind: int
    start: int
    length: int
    crc: int

    @property
    def end(self) -> int:
        """The offset of the first byte after the payload."""
        return self.start + self.length


@dataclass(frozen=True)
class StreamTable:
    """A file's header and the places of its payloads. end: the offset at which the first payload starts."""

    header: Header
    extras: tuple[Stream, ...]
    levels: tuple[Stream, ...]
    end: int

    @property
    def payload_end(self) -> int:
        """The offset of the first byte after the last payload."""
        return self.levels[-1].end


class _Row(NamedTuple):
    """A stream as the table declares it, before its place is known."""

    name: str
    kind: int
    length: int
    crc: int


def header_bytes(header: Header, levels: Sequence[bytes], extras: Sequence[tuple[int, bytes]]) -> bytes:
    """Write the header and the table of streams, with the header checksum. extras: (type, payload) in rising order."""
    flags = MODE_IDS[header.mode] | (_HAS_EXTRAS if extras else 0) | len(levels) << _LEVELS_SHIFT
    version_and_codec = CODECS[header.codec].wire_id << 4 | VERSION
    out = bytearray(_FIXED.pack(MAGIC, version_and_codec, flags, header.weights, header.generator))
    out += varint(header.height) + varint(header.width) + struct.pack("<H", header.step_index)
    if extras:
        out.append(len(extras))
    for kind, payload in extras:
        out += bytes([kind]) + varint(len(payload)) + struct.pack("<I", crc32(payload))
    for payload in levels:
        out += varint(len(payload)) + struct.pack("<I", crc32(payload))
    return bytes(out + struct.pack("<I", crc32(out)))


def header_problem(header: Header, n_levels: int, kinds: Sequence[int]) -> str | None:
    """Return why no file can have such a header, so many level streams and extra streams of such types; or None."""
    if not 1 <= n_levels <= MAX_LEVELS:
        return f"a file holds 1 to {MAX_LEVELS} level streams, not {n_levels}"
    if header.codec not in CODECS or header.mode not in MODE_IDS:
        return f"no wire id for codec {header.codec!r} with mode {header.mode!r}"
    if len(header.weights) != 4 or len(header.generator) != 2:
        return "digests are 4 bytes (weights) and 2 bytes (generator)"
    if not 0 <= header.step_index <= 0xFFFF:
        return f"step index {header.step_index} is outside 0..65535"
    return size_problem(header.height, header.width) or _extras_problem(header.mode, kinds)


def read_stream_table(data: bytes) -> StreamTable:
    """Read the header and the table of streams of a file, and check all that can be checked without the payloads.

    Raises NotThisFormat, UnsupportedVersion, CorruptFile or CodecUnavailable.
    """
    _check_magic(data)
    reader = Reader(data)
    _, version_and_codec, flags, weights, generator = _FIXED.unpack(reader.take(_FIXED.size, "header"))
    height, width = reader.varint("height", MAX_SIDE), reader.varint("width", MAX_SIDE)
    if problem := size_problem(height, width):
        raise CorruptFile(problem)
    step_index = reader.uint(2, "step index")
    extras, levels = _read_rows(reader, flags)
    check_crc(data, reader.at, "header")
    reader.take(4, "header checksum")
    mode = mode_with_id(flags & _MODE_BITS)
    codec = _check_ids(version_and_codec >> 4, mode, [row.kind for row in extras])
    streams = _place_streams([*extras, *levels], reader.at)
    header = Header(codec, mode, height, width, step_index, weights, generator)
    return StreamTable(header, streams[: len(extras)], streams[len(extras) :], reader.at)


def _check_magic(data: bytes) -> None:
    if not data:
        raise NotThisFormat("the file is empty, expected an .hvc file")
    if not data.startswith(MAGIC):
        if MAGIC.startswith(data):
            raise CorruptFile(f"the file ends after {len(data)} bytes; it is truncated")
        raise NotThisFormat(f"starts with {data[:3].hex()}, not with HVC; this is not an .hvc file")
    if len(data) > 3 and data[3] & 0x0F != VERSION:
        raise UnsupportedVersion(
            f"format version {data[3] & 0x0F}, this program reads version {VERSION}; upgrade hvaecodec"
        )


def _read_rows(reader: Reader, flags: int) -> tuple[list[_Row], list[_Row]]:
    """Read what the table declares of the extra streams and of the level streams."""
    n_levels = flags >> _LEVELS_SHIFT
    if n_levels == 0:
        raise CorruptFile("the header declares no level stream, expected 1 to 31")
    n_extras = reader.uint(1, "number of extra streams") if flags & _HAS_EXTRAS else 0
    if flags & _HAS_EXTRAS and n_extras == 0:
        raise CorruptFile("the header promises extra streams but counts none")
    extras = []
    for _ in range(n_extras):
        kind = reader.uint(1, "type of an extra stream")
        extras.append(_read_row(reader, f"{EXTRA_NAMES.get(kind, f'type {kind}')} stream", kind))
    return extras, [_read_row(reader, f"level {level}", 0) for level in range(n_levels)]


def _read_row(reader: Reader, name: str, kind: int) -> _Row:
    length = reader.varint(f"length of {name}", _MAX_LENGTH)
    return _Row(name, kind, length, reader.uint(4, f"checksum of {name}"))


def _place_streams(rows: Sequence[_Row], first: int) -> tuple[Stream, ...]:
    """Give every row its place: payloads follow each other from offset `first` on."""
    starts = accumulate((row.length for row in rows), initial=first)
    return tuple(
        Stream(row.name, row.kind, start, row.length, row.crc) for row, start in zip(rows, starts, strict=False)
    )


def _check_ids(codec_id: int, mode: str, kinds: Sequence[int]) -> str:
    """Return the codec's name, once the codec and the types of the extra streams are known ones."""
    codec = codec_with_id(codec_id)
    if codec is None:
        raise CodecUnavailable(f"codec id {codec_id} is unknown to this version; upgrade hvaecodec")
    if unknown := [kind for kind in kinds if kind not in EXTRA_NAMES]:
        what = "quantised latents" if unknown[0] in LATENT_TYPES else "something newer"
        raise UnsupportedVersion(f"stream type {unknown[0]} ({what}) is unknown to this version; upgrade hvaecodec")
    if problem := _extras_problem(mode, kinds):
        raise CorruptFile(problem)
    return codec


def _extras_problem(mode: str, kinds: Sequence[int]) -> str | None:
    if unknown := [kind for kind in kinds if kind not in EXTRA_NAMES]:
        return f"extra stream type {unknown[0]} is not one of {sorted(EXTRA_NAMES)}"
    if any(first >= second for first, second in pairwise(kinds)):
        return f"extra stream types {list(kinds)} are not in rising order"
    if (ALPHA in kinds) != mode.endswith("A"):
        return f"mode {mode} {'without' if mode.endswith('A') else 'with'} an alpha stream"
    return None
