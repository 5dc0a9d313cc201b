"""EXIF blocks as a stranger may write them: directories anywhere, tags of any type and number."""

from __future__ import annotations

import struct
from random import Random

from fuzz.bytes_mutants import mutate_bytes
from hvaecodec.codec.format.exif_block import ORIENTATION, X_RESOLUTION

PLAIN_BLOCK = bytes.fromhex("49492a000800000001001201030001000000010000000000000000")  # orientation 1 alone
_NUMBERS = (ORIENTATION, ORIENTATION, X_RESOLUTION, 0x010F, 0x8769, 0x8825, 0x0100, 0, 0xFFFF)


def exif_mutant(rng: Random) -> bytes:
    """Write a block of a few tags, and damage one in two."""
    order = rng.choice("<>")
    start = rng.choice((8, 8, 8, 10, 0, 2**32 - 1, rng.randrange(200)))
    n_tags = rng.randrange(6)
    tags = b"".join(_tag(rng, order) for _ in range(n_tags))
    declared = rng.choice((n_tags, n_tags, n_tags, n_tags + 1, 0, 0xFFFF))
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    block += bytes(max(0, start - 8) if start < 300 else 0) + struct.pack(f"{order}H", declared) + tags + bytes(4)
    if rng.random() < 0.2:
        block = b"Exif\0\0" + block
    return mutate_bytes(rng, block) if rng.random() < 0.5 else block


def _tag(rng: Random, order: str) -> bytes:
    kind = rng.choice((1, 2, 3, 3, 3, 4, 5, 7, 0, 13, 0xFFFF))
    count = rng.choice((1, 1, 1, 0, 2, 2**32 - 1))
    return struct.pack(f"{order}HHI", rng.choice(_NUMBERS), kind, count) + rng.randbytes(4)
