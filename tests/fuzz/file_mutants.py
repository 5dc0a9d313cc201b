"""Whole files: taken apart, changed in one field or stream, and written with the checksums that belong to them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from zlib import crc32

from fuzz.bytes_mutants import mutate_bytes
from fuzz.exif_mutants import exif_mutant
from fuzz.png_mutants import mutate_png
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.format.fields import varint
from hvaecodec.codec.format.wire_ids import ALPHA, CODECS, EXIF, ICC, MODE_IDS


@dataclass(frozen=True)
class Parts:
    """The fields of a file as they are to be written, legal or not.

    extras: (type, payload) in the order of the file.
    """

    version_and_codec: int
    mode: int
    weights: bytes
    generator: bytes
    height: int
    width: int
    step_index: int
    extras: tuple[tuple[int, bytes], ...]
    levels: tuple[bytes, ...]


def parts_of(data: bytes) -> Parts:
    """Take a whole file apart."""
    container = unpack(data)
    header = container.header
    ids = data[3], MODE_IDS[header.mode]
    size = header.height, header.width, header.step_index
    return Parts(*ids, header.weights, header.generator, *size, container.extras, container.levels)


def head_of(parts: Parts) -> bytes:
    """Write the header and the table of streams, without the header checksum."""
    flags = parts.mode & 3 | (4 if parts.extras else 0) | (len(parts.levels) & 31) << 3
    head = b"HVC" + bytes([parts.version_and_codec, flags]) + parts.weights + parts.generator
    head += varint(parts.height) + varint(parts.width) + struct.pack("<H", parts.step_index & 0xFFFF)
    if parts.extras:
        head += bytes([len(parts.extras)])
    for kind, payload in parts.extras:
        head += bytes([kind]) + varint(len(payload)) + struct.pack("<I", crc32(payload))
    return head + b"".join(varint(len(payload)) + struct.pack("<I", crc32(payload)) for payload in parts.levels)


def with_checksums(parts: Parts, head: bytes | None = None) -> bytes:
    """Write a file, with both of its checksums right. head: in place of the one that belongs to the parts."""
    head = head_of(parts) if head is None else head
    data = head + struct.pack("<I", crc32(head)) + b"".join(payload for _, payload in parts.extras)
    data += b"".join(parts.levels)
    return data + struct.pack("<I", crc32(data))


def mutate_file(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Change one of some files; all checksums of the result are right, but for one in twenty."""
    parts = parts_of(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        parts = rng.choice(_CHANGES)(rng, parts, seeds)
    if rng.random() < 0.4:
        parts = _shorten(rng, parts)
    chance = rng.random()
    if chance < 0.05:
        return mutate_bytes(rng, with_checksums(parts))
    if chance < 0.1:
        return with_checksums(parts, mutate_bytes(rng, head_of(parts)))
    return with_checksums(parts)


def _shorten(rng: Random, parts: Parts) -> Parts:
    """Keep the front of every stream from some level on, behind which a decoder reads zeros: most are pictures."""
    first = rng.randrange(len(parts.levels) + 1)
    cuts = [
        level if at < first else level[: int(len(level) * rng.random() ** 3)] for at, level in enumerate(parts.levels)
    ]
    return replace(parts, levels=tuple(level.rstrip(b"\0") for level in cuts))


def _change_level(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    """Change the bytes of a stream; without zeros at its end, which are refused at once, but for one in ten."""
    levels = list(parts.levels)
    at = rng.randrange(len(levels)) if levels else 0
    if levels:
        changed = mutate_bytes(rng, levels[at])
        levels[at] = changed if rng.random() < 0.1 else changed.rstrip(b"\0")
    return replace(parts, levels=tuple(levels))


def _swap_level(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    """Take a stream of another place or another file."""
    others = parts_of(rng.choice(seeds)).levels
    levels = list(parts.levels) or [b""]
    levels[rng.randrange(len(levels))] = rng.choice(others)
    return replace(parts, levels=tuple(levels))


def _count_levels(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    levels = parts.levels * 2
    return replace(parts, levels=levels[: rng.randrange(min(len(levels), 31) + 1)])


def _change_size(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    """One in ten is far above any limit, and one in ten illegal."""
    sides = [parts.height, parts.width]
    at = rng.randrange(2)
    near = max(0, sides[at] + rng.choice((-32, -1, 1, 32)))
    sides[at] = rng.choice(
        (near, near, near, rng.randrange(1, 129), rng.randrange(1, 129), rng.choice((0, 65535, 65536)))
    )
    if rng.random() < 0.2:
        sides.reverse()
    return replace(parts, height=sides[0], width=sides[1])


def _change_step(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    return replace(
        parts, step_index=rng.choice((0, 1, 5, 6, 792, 793, 65535, rng.randrange(793), parts.step_index + 1))
    )


def _change_ids(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    """Another codec, version or digest; the wrong generator is the one that a reader may replace."""
    choice = rng.randrange(6)
    if choice == 0:
        codec = rng.choice([entry.wire_id for entry in CODECS.values()])
        return replace(parts, version_and_codec=codec << 4 | 1)
    if choice == 1:
        return replace(parts, version_and_codec=rng.randrange(256))
    if choice == 2:
        return replace(parts, weights=rng.randbytes(4))
    return replace(parts, generator=rng.randbytes(2))


def _change_mode(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    """Another mode, most often with the alpha that belongs to it."""
    mode = rng.randrange(4)
    extras = dict(parts.extras)
    if rng.random() < 0.8:
        if not mode & 1:
            extras.pop(ALPHA, None)
        elif ALPHA not in extras:
            extras[ALPHA] = next((dict(parts_of(seed).extras).get(ALPHA, b"") for seed in seeds if seed[4] & 1), b"")
    return replace(parts, mode=mode, extras=tuple(sorted(extras.items())))


def _change_extra(rng: Random, parts: Parts, seeds: Sequence[bytes]) -> Parts:
    extras = list(parts.extras)
    choice = rng.randrange(8)
    if choice == 0 and extras:
        del extras[rng.randrange(len(extras))]
    elif choice == 1:
        extras.append((rng.choice((ALPHA, ICC, EXIF, 0, 4, 16, 255)), rng.randbytes(rng.randrange(20))))
    elif choice == 2:
        rng.shuffle(extras)
    elif choice == 3 or not extras:
        extras = sorted({**dict(extras), EXIF: exif_mutant(rng)}.items())
    else:
        at = rng.randrange(len(extras))
        kind, payload = extras[at]
        extras[at] = kind, mutate_png(rng, payload) if kind == ALPHA else mutate_bytes(rng, payload)
    return replace(parts, extras=tuple(extras))


_CHANGES = (
    *[_change_level] * 8, _swap_level, _count_levels, *[_change_size] * 3, _change_step, _change_ids,
    _change_mode, *[_change_extra] * 3,
)  # fmt: skip
