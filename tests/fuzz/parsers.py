"""What the parsers of containers, alpha planes and EXIF promise of any bytes."""

from __future__ import annotations

import struct
from contextlib import suppress
from random import Random
from types import SimpleNamespace

import numpy as np

from fuzz.bytes_mutants import mutate_bytes
from fuzz.exif_mutants import PLAIN_BLOCK, exif_mutant
from fuzz.file_mutants import mutate_file
from fuzz.png_mutants import mutate_png
from hvaecodec.codec import images
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format import exif_block
from hvaecodec.codec.format.container import pack, read_header, unpack
from hvaecodec.codec.format.exif_block import ORIENTATION
from hvaecodec.codec.images.metadata import note_what_is_left_out, read_exif
from hvaecodec.codec.images.notes import Notes


def check_container(rng: Random, seeds: list[bytes]) -> str:
    """A container is refused, or is what `pack` makes of what was read; cut, it has the front of that."""
    seed = rng.choice(seeds)
    return container_promise(mutate_bytes(rng, seed) if rng.random() < 0.3 else mutate_file(rng, seeds))


def container_promise(data: bytes) -> str:
    """What holds for any bytes that are read as a container; returns what became of them."""
    try:
        container = unpack(data)
    except CodecError as refusal:
        with suppress(CodecError):
            part = unpack(data, partial=True)
            assert part.truncated and 1 <= len(part.levels) <= len(part.level_lengths)
            assert [len(level) for level in part.levels] == list(part.level_lengths[: len(part.levels)])
            return "cut"
        return type(refusal).__name__
    assert pack(container.header, container.levels, container.extras) == data, "two files say the same"
    assert read_header(data) == container.header and not container.truncated
    with suppress(CodecError):
        unpack(data[:-1])
        raise AssertionError("a cut file is whole")
    return "read"


def check_alpha(rng: Random, seeds: list[bytes]) -> str:
    """A plane is refused, or has its size and is left as it is by writing and reading it."""
    seed = rng.choice([dict(unpack(data).extras).get(1) for data in seeds if data[4] & 1])
    assert seed is not None
    data = mutate_png(rng, seed)
    width, height = struct.unpack(">2I", data[16:24]) if len(data) >= 24 and rng.random() < 0.9 else (5, 6)
    return alpha_promise(data, height % 1024, width % 1024)


def alpha_promise(data: bytes, height: int, width: int) -> str:
    """What holds for any bytes that are read as an alpha plane of a size; returns what became of them."""
    try:
        images.check_alpha(data, height, width)
    except CodecError as refusal:
        return type(refusal).__name__
    plane = images.decode_alpha(data, height, width)
    assert plane.shape == (height, width) and plane.dtype == np.uint8
    np.testing.assert_array_equal(images.decode_alpha(images.encode_alpha(plane), height, width), plane)
    return "read"


def check_metadata(rng: Random, seeds: list[bytes]) -> str:
    """EXIF is refused by its documented errors, or comes out upright, of the same length."""
    return metadata_promise(exif_mutant(rng) if rng.random() < 0.8 else mutate_bytes(rng, PLAIN_BLOCK))


def metadata_promise(block: bytes) -> str:
    """What holds for any bytes that are read as EXIF; returns what became of them."""
    bare = block.removeprefix(b"Exif\0\0")
    upright = exif_block.upright_block(block)
    assert upright is None or len(upright) == len(bare)
    image = SimpleNamespace(format="PNG", info={"exif": block})
    notes = Notes()
    kept, turned = read_exif(image, notes)  # type: ignore[arg-type]
    assert turned in range(1, 9)
    note_what_is_left_out(image, kept, notes)  # type: ignore[arg-type]
    try:
        reset = exif_block.reset_orientation(block)
        stated = exif_block.orientation_of(reset)
    except (struct.error, ValueError) as refusal:
        assert kept is None or block == b""
        return type(refusal).__name__
    assert stated in (None, 1) and reset == upright == exif_block.reset_orientation(reset)
    exif_block.has_tag(reset, ORIENTATION)
    return "read"
