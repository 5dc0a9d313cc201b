"""A reader checks a file in the order of docs/FORMAT.md: of many faults it names the first."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import tiny

from hvaecodec.codec import images
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.limits import DECODED_PIXELS
from hvaecodec.codec.photo.codec import DctVaeCodec

HEIGHT, WIDTH = 33, 65
PNG = images.encode_alpha(np.full((HEIGHT, WIDTH), 255, np.uint8))
SOUND: dict[str, Any] = {
    "magic": b"HVC",
    "version": 1,
    "codec": 1,
    "height": HEIGHT,
    "kinds": (1, 2),
    "n_levels": 6,
    "step_index": 400,
    "weights": None,  # those of the codec
    "alpha": PNG,
    "header sum": 0,
    "file sum": 0,
    "extra sum": 0,
    "level sum": 0,
    "end": b"",
    "max_pixels": DECODED_PIXELS,
}

# A number of the list "What a reader checks", what is wrong in the file, and the error that says so.
FAULTS = [
    (1, {"magic": b"PNG"}, "not an .hvc file"),
    (2, {"version": 2}, "format version 2"),
    (3, {"height": 0}, "picture of 0 x 65"),
    (4, {"header sum": 1}, "header checksum is"),
    (5, {"codec": 15}, "codec id 15"),
    (5, {"kinds": (1, 9)}, "stream type 9"),
    (5, {"kinds": (2, 1)}, "not in rising order"),
    (5, {"kinds": (2, 3)}, "without an alpha stream"),
    (6, {"max_pixels": 1}, "above the limit of 1"),
    (7, {"end": b"more"}, "bytes follow the end of the file"),
    (8, {"file sum": 1}, "file checksum is"),
    (9, {"extra sum": 1}, "alpha stream checksum is"),
    (9, {"level sum": 1}, "level 0 checksum is"),
    (10, {"alpha": PNG[:-1] + b"!"}, "cannot read the alpha stream"),
    (11, {"codec": 2}, "written by hqa-photo"),
    (11, {"weights": b"zzzz"}, "written with bitstream weights"),
    (12, {"step_index": 793}, "step index 793"),
    (12, {"n_levels": 5}, "5 level streams, expected 6"),
]


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> DctVaeCodec:
    return DctVaeCodec.load(tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny"))


def file_of(codec: DctVaeCodec, fields: dict[str, Any]) -> bytes:
    """A file of RGBA spelled field by field; payloads are below 16384 bytes."""
    levels = [bytes([number + 1]) for number in range(fields["n_levels"])]
    extras = [(kind, fields["alpha"] if kind == 1 else b"metadata") for kind in fields["kinds"]]
    out = fields["magic"] + bytes([fields["version"] | fields["codec"] << 4, 3 | 4 | len(levels) << 3])
    out += (fields["weights"] or codec.bitstream.digest) + codec.generators.newest
    out += bytes([fields["height"], WIDTH]) + struct.pack("<H", fields["step_index"]) + bytes([len(extras)])
    for kind, payload in extras:
        out += bytes([kind]) + _row(payload, fields["extra sum"])
    for payload in levels:
        out += _row(payload, fields["level sum"])
    out += struct.pack("<I", crc32(out) ^ fields["header sum"])
    out += b"".join([*(payload for _, payload in extras), *levels])
    return out + struct.pack("<I", crc32(out) ^ fields["file sum"]) + fields["end"]


def _row(payload: bytes, change: int) -> bytes:
    n = len(payload)
    length = bytes([n]) if n < 128 else bytes([n % 128 | 128, n // 128])
    return length + struct.pack("<I", crc32(payload) ^ change)


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_first_fault_is_named(codec: DctVaeCodec, first: int) -> None:
    fields = dict(SOUND)
    for _, fault, _ in reversed(FAULTS[first:]):
        fields |= fault
    with pytest.raises(CodecError, match=FAULTS[first][2]):
        codec.decode(file_of(codec, fields), max_pixels=fields["max_pixels"])


def test_without_a_fault_the_streams_are_decoded(codec: DctVaeCodec) -> None:
    with pytest.raises(CodecError, match="a stream"):  # which these payloads are not
        codec.decode(file_of(codec, SOUND))


def test_every_check_of_the_page_is_tried() -> None:
    page = (Path(__file__).parents[3] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    section = page.split("## What a reader checks")[1].split("**Cut files.**")[0]
    numbers = [int(line.partition(".")[0]) for line in section.splitlines() if line[:1].isdigit()]
    assert numbers == sorted({number for number, _, _ in FAULTS}) == list(range(1, 13))
