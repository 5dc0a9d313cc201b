"""The `.hvc` container: a header and named streams, packed and checked. docs/FORMAT.md is the norm.

Nothing here knows what a stream means. `unpack` trusts no byte that it has not checked: magic,
version, limits, header checksum, lengths, file checksum and stream checksums, in that order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from zlib import crc32

from hvaecodec.codec.errors import (
    CodecUnavailable,
    CorruptFile,
    NotThisFormat,
    UnsupportedVersion,
)
from hvaecodec.codec.format.fields import Reader, varint

MAGIC = b"HVC"
VERSION = 1
MAX_SIDE = 2**16 - 1
MAX_PIXELS = 2**28
MAX_LEVELS = 31

CODEC_IDS = {"dct-vae-photo": 1, "hqa-photo": 2, "dct-vae-cifar10": 3, "srvae-cifar10": 4}
MODES = ("L", "LA", "RGB", "RGBA")
ALPHA, ICC, EXIF = 1, 2, 3
EXTRA_NAMES = {ALPHA: "alpha", ICC: "icc", EXIF: "exif"}
LATENT_TYPES = range(16, 32)

_HAS_EXTRAS = 0b100
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
        """The payload of one extra stream (ALPHA, ICC, EXIF), or None."""
        return dict(self.extras).get(kind)


@dataclass(frozen=True)
class _Stream:
    name: str
    kind: int  # type of an extra stream, 0 for a level
    start: int
    length: int
    crc: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class _Table:
    header: Header
    extras: tuple[_Stream, ...]
    levels: tuple[_Stream, ...]
    end: int  # where the first payload starts

    @property
    def payload_end(self) -> int:
        return self.levels[-1].end


def pack(header: Header, levels: Sequence[bytes], extras: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """A complete file from a header, the level streams coarse to fine, and the extra streams.

    Raises ValueError for anything that FORMAT.md does not allow.
    """
    if not 1 <= len(levels) <= MAX_LEVELS:
        raise ValueError(f"a file holds 1 to {MAX_LEVELS} level streams, not {len(levels)}")
    if header.codec not in CODEC_IDS or header.mode not in MODES:
        raise ValueError(f"no wire id for codec {header.codec!r} with mode {header.mode!r}")
    if len(header.weights) != 4 or len(header.generator) != 2:
        raise ValueError("digests are 4 bytes (weights) and 2 bytes (generator)")
    if not 0 <= header.step_index <= 0xFFFF:
        raise ValueError(f"step index {header.step_index} is outside 0..65535")
    if problem := size_problem(header.height, header.width):
        raise ValueError(problem)
    extras = sorted(extras)
    if problem := _extras_problem(header.mode, [kind for kind, _ in extras]):
        raise ValueError(problem)

    flags = MODES.index(header.mode) | (_HAS_EXTRAS if extras else 0) | len(levels) << 3
    codec = CODEC_IDS[header.codec]
    out = bytearray(_FIXED.pack(MAGIC, codec << 4 | VERSION, flags, header.weights, header.generator))
    out += varint(header.height) + varint(header.width) + struct.pack("<H", header.step_index)
    if extras:
        out.append(len(extras))
    for kind, payload in extras:
        out += bytes([kind]) + varint(len(payload)) + struct.pack("<I", crc32(payload))
    for payload in levels:
        out += varint(len(payload)) + struct.pack("<I", crc32(payload))
    out += struct.pack("<I", crc32(out))
    for payload in (*(payload for _, payload in extras), *levels):
        out += payload
    out += struct.pack("<I", crc32(out))
    return bytes(out)


def read_header(data: bytes) -> Header:
    """The header alone, checked against its own checksum; the payloads are not looked at."""
    return _read_table(_as_bytes(data)).header


def unpack(data: bytes, *, partial: bool = False, max_levels: int | None = None) -> Container:
    """Check a whole file and take it apart.

    partial: accept a file cut after its coarsest level; complete levels are returned, an incomplete
    one is left out. max_levels: return at most so many levels; all that is there is still checked.
    Raises CodecError (NotThisFormat, UnsupportedVersion, CorruptFile, CodecUnavailable).
    """
    if max_levels is not None and max_levels < 1:
        raise ValueError(f"max_levels is {max_levels}, must be at least 1")
    data = _as_bytes(data)
    table = _read_table(data)
    truncated = _check_lengths(table, len(data), partial)
    if not truncated:
        _check_crc(data, len(data) - 4, "file")
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


def _read_table(data: bytes) -> _Table:
    """Header and length table, everything checked that can be without the payloads."""
    _check_magic(data)
    reader = Reader(data)
    _, version_and_codec, flags, weights, generator = _FIXED.unpack(reader.take(_FIXED.size, "header"))
    height = reader.varint("height", MAX_SIDE)
    width = reader.varint("width", MAX_SIDE)
    if problem := size_problem(height, width):
        raise CorruptFile(problem)
    step_index = reader.uint(2, "step index")
    n_levels = flags >> 3
    if n_levels == 0:
        raise CorruptFile("the header declares no level stream, expected 1 to 31")
    n_extras = reader.uint(1, "number of extra streams") if flags & _HAS_EXTRAS else 0
    if flags & _HAS_EXTRAS and n_extras == 0:
        raise CorruptFile("the header promises extra streams but counts none")

    rows = []  # (name, type, length, crc), in the order of the payloads
    for index in range(n_extras + n_levels):
        level = index - n_extras
        kind = reader.uint(1, "type of an extra stream") if level < 0 else 0
        name = f"level {level}" if level >= 0 else f"{EXTRA_NAMES.get(kind, f'type {kind}')} stream"
        length = reader.varint(f"length of {name}", _MAX_LENGTH)
        rows.append((name, kind, length, reader.uint(4, f"checksum of {name}")))
    _check_crc(data, reader.at, "header")
    reader.take(4, "header checksum")

    mode = MODES[flags & 0b11]
    codec = _check_ids(version_and_codec >> 4, mode, [kind for _, kind, _, _ in rows[:n_extras]])
    starts = accumulate((length for _, _, length, _ in rows), initial=reader.at)
    streams = tuple(
        _Stream(name, kind, start, length, crc) for (name, kind, length, crc), start in zip(rows, starts, strict=False)
    )
    header = Header(codec, mode, height, width, step_index, weights, generator)
    return _Table(header, streams[:n_extras], streams[n_extras:], reader.at)


def _check_ids(codec_id: int, mode: str, kinds: list[int]) -> str:
    """The codec's name, once codec and extra streams are known ones."""
    codec = next((name for name, wire in CODEC_IDS.items() if wire == codec_id), None)
    if codec is None:
        raise CodecUnavailable(f"codec id {codec_id} is unknown to this version; upgrade hvaecodec")
    if unknown := [kind for kind in kinds if kind not in EXTRA_NAMES]:
        what = "quantised latents" if unknown[0] in LATENT_TYPES else "something newer"
        raise UnsupportedVersion(f"stream type {unknown[0]} ({what}) is unknown to this version; upgrade hvaecodec")
    if problem := _extras_problem(mode, kinds):
        raise CorruptFile(problem)
    return codec


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


def _check_lengths(table: _Table, n_bytes: int, partial: bool) -> bool:
    """True if the file is cut where `partial` allows it; anything else out of step is an error."""
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


def _check_crc(data: bytes, end: int, what: str) -> None:
    """`data[:end]` against the four bytes that follow it."""
    stored = data[end : end + 4]
    if len(stored) < 4:
        raise CorruptFile(
            f"{what} checksum needs 4 bytes at offset {end}, only {len(stored)} remain; the file is truncated"
        )
    _compare(crc32(memoryview(data)[:end]), int.from_bytes(stored, "little"), what)


def _check_stream(data: bytes, stream: _Stream) -> None:
    _compare(crc32(memoryview(data)[stream.start : stream.end]), stream.crc, stream.name)


def _compare(actual: int, stored: int, what: str) -> None:
    if actual != stored:
        raise CorruptFile(f"{what} checksum is {actual:08x}, file says {stored:08x}; it changed after it was written")


def size_problem(height: int, width: int) -> str | None:
    """Why no file can hold a picture of this size, or None."""
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        return f"picture of {height} x {width} pixels (height x width); each side is 1 to {MAX_SIDE}"
    if height * width > MAX_PIXELS:
        return f"picture of {height} x {width} pixels is above the limit of {MAX_PIXELS} pixels"
    return None


def _extras_problem(mode: str, kinds: list[int]) -> str | None:
    if unknown := [kind for kind in kinds if kind not in EXTRA_NAMES]:
        return f"extra stream type {unknown[0]} is not one of {sorted(EXTRA_NAMES)}"
    if any(first >= second for first, second in pairwise(kinds)):
        return f"extra stream types {kinds} are not in rising order"
    if (ALPHA in kinds) != mode.endswith("A"):
        return f"mode {mode} {'without' if mode.endswith('A') else 'with'} an alpha stream"
    return None
