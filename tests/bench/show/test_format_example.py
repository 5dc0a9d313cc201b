"""The worked example of docs/FORMAT.md is what the weights in the package make of it, and decodes as it says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from reference.level0 import RangeDecoder, level0

import hvaecodec
from hvaecodec.bench.show.documents import format_example, markers, parts
from hvaecodec.models.photo.layout import levels_of

PAGE = (Path(__file__).parents[3] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
WEIGHTS = Path(hvaecodec.__file__).parent / "weights" / "dct-vae-photo" / "bitstream.safetensors"


@pytest.fixture(scope="module")
def example() -> str:
    return markers.blocks_in(PAGE)["format.example"].strip()


@pytest.fixture(scope="module")
def data(example: str) -> bytes:
    """The file as the page spells it."""
    return bytes.fromhex(" ".join(re.findall(r"^[0-9a-f]{4}  ([0-9a-f ]+)$", example, re.MULTILINE)))


def test_the_page_has_what_the_function_makes(example: str) -> None:
    assert example == parts.format_example(), "run `python -m hvaecodec.bench.show.documents --commands`"


def test_the_file_decodes_to_the_symbols_of_the_page(example: str, data: bytes) -> None:
    for level, expected in zip(hvaecodec.load().symbols(data), levels_of(format_example.symbols()), strict=True):
        np.testing.assert_array_equal(level, expected)
    assert hashlib.sha256(format_example.symbols().astype("<i2").tobytes()).hexdigest() in example


def test_a_stranger_reads_level_0_of_the_file(data: bytes) -> None:
    dcs, shapes, (_, coefficients) = level0(data, WEIGHTS)
    np.testing.assert_array_equal(dcs, format_example.DCS)
    np.testing.assert_array_equal(shapes, format_example.SHAPES)
    assert coefficients == []


def test_every_row_of_the_page_is_a_state_of_the_range_decoder(example: str, data: bytes) -> None:
    (payload,) = re.findall(r"^\| payload of level 0 \| \d+ \| `([0-9a-f]+)` \|", example, re.MULTILINE)
    decoder = RangeDecoder(bytes.fromhex(payload))
    row = r"^\| `(\w{16})` \| `(\w{16})` \| (\d+) \| [^|]+ \| (\d+) \| (\d+) \| (\d+) \|"
    rows = re.findall(row, example, re.MULTILINE)
    assert len(rows) == 15
    for span, offset, quotient, start, end, _ in rows:
        assert (decoder.range, decoder.offset) == (int(span, 16), int(offset, 16))
        assert decoder.offset // (decoder.range >> 24) == int(quotient)
        decoder.entry([0, int(start), int(end), 2**24])
    decoder.check_end()


def test_the_fields_of_the_page_are_the_file(example: str, data: bytes) -> None:
    fields = re.findall(r"^\| [\w :]+ \| (\d+) \| `([0-9a-f]+)` \|", example, re.MULTILINE)
    assert b"".join(bytes.fromhex(field) for _, field in fields) == data
    assert all(data[int(at) :].startswith(bytes.fromhex(field)) for at, field in fields)
