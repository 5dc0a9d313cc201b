"""The tables of docs/FORMAT.md have every array of the bitstream weights of `dct-vae-photo`, as it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hvaecodec.codec.photo.codec import PACKAGE_WEIGHTS
from hvaecodec.codec.weight_files import read_tables

PAGE = (Path(__file__).parents[3] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
SECTION = PAGE.split("### The arrays of the bitstream weights")[1].split("###")[0]
ARRAYS, LAYERS = (
    [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines() if row.startswith("| `")]
    for table in SECTION.split("| layer | inputs |")
)


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return read_tables(PACKAGE_WEIGHTS / "bitstream.safetensors").arrays


def row_of(table: list[list[str]], name: str) -> list[str]:
    """The only row of a table whose first cell has a name, in which words in angle brackets stand for anything."""

    def fits(cell: str) -> bool:
        names = re.findall(r"`([^`]+)`", cell)
        if "…" in cell:
            return names[0] <= name <= names[1] and len(name) == len(names[0])
        if "only `" in cell:
            return name.startswith(names[1] + ".") and re.fullmatch(_pattern(names[0]), name) is not None
        return any(re.fullmatch(_pattern(known), name) for known in names[: 1 if ", not" in cell else None])

    (row,) = (row for row in table if fits(row[0]))
    return row


def _pattern(name: str) -> str:
    words = re.split(r"<\w+>", name)
    fillings = {"<layer>": ".+", "<step>": r"\d+\w+", "<band>": r"\d", "<b>": r"\d", "<kind>": "(diagonal|cross)"}
    parts = [re.escape(words[0])]
    for key, word in zip(re.findall(r"<\w+>", name), words[1:], strict=True):
        parts += [fillings[key], re.escape(word)]
    return "".join(parts)


def test_every_array_has_its_row(arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        _, kind, shape, _ = row_of(ARRAYS, name)
        assert str(array.dtype) == kind, name
        sides = shape.split(" × ")
        assert len(sides) == array.ndim, name
        assert all(not side.isdigit() or int(side) == n for side, n in zip(sides, array.shape, strict=True)), name


def test_every_layer_has_its_row(arrays: dict[str, np.ndarray]) -> None:
    for name in (name.removesuffix(".weight") for name in arrays if name.endswith(".weight")):
        _, inputs, outputs, side = row_of(LAYERS, name)
        n_outputs, n_inputs, *kernel = arrays[f"{name}.weight"].shape
        level = len(bin(int(re.match(r"\d*", name)[0] or 0))) - 3
        values = {"w": 128 if level < 4 else 192, "size": n_outputs // 2 if name.endswith("head") else 0}
        assert kernel == [int(side)] * 2
        for words, n in ((inputs, n_inputs), (outputs, n_outputs)):
            if words == "w":
                assert n == values["w"], name
            elif re.fullmatch(r"[\d, ]+", words):
                assert str(n) == words.split(", ")[".c." in name and "," in words], name
        if name.endswith("head") and not name.startswith("dc"):
            assert n_inputs == values["w"] + 56 + (2 * values["size"] if re.search(r"1\.head", name) else 0)
        if name.endswith("embed"):
            size = len(arrays[f"{name.removesuffix('embed')}head.weight"]) // 2
            assert n_inputs == (4 if level < 4 else 2) * size


def test_the_contents_that_the_page_states(arrays: dict[str, np.ndarray]) -> None:
    logarithms = np.minimum(np.round(32 * np.log1p(np.arange(4096))), 255)
    np.testing.assert_array_equal(arrays["log_table"], logarithms)
    factors = PAGE.split("f_i = round(2^(4.5 + i/3)), i = 0..38, are ")[1].split(".\n")[0]
    assert [int(word) for word in re.findall(r"\d+", factors)] == [round(2 ** (4.5 + i / 3)) for i in range(39)]
    assert max(array.max() for name, array in arrays.items() if name.endswith(".shift")) <= 14
