"""Level 0 of files as a stranger's decoder reads it, which was written from docs/FORMAT.md and the weights alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import tiny
from golden.make import PICTURES
from partitions import random_shapes
from reference import level0 as stranger

import hvaecodec
from hvaecodec.codec.format.container import Header, pack, unpack
from hvaecodec.codec.photo import adaptation
from hvaecodec.codec.photo.adaptation import NONE, Adaptation
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.slices import decode_slices, join_streams
from hvaecodec.codec.photo.streams import repeat

GOLDEN = Path(__file__).parents[2] / "golden"
CHANGED = Adaptation(9, np.array([3, 0, -40, 40, *range(-7, 0)], np.int32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def codec(folder: Path) -> DctVaeCodec:
    return DctVaeCodec.load(folder)


@pytest.fixture(scope="module")
def weights(folder: Path) -> Path:
    return folder / "bitstream.safetensors"


def random_context(grid: tuple[int, int], seed: int, *, grey: bool, adaptation: Adaptation = NONE) -> Context:
    """DCs like a picture's and steps of thousands, so that many escape; nothing finer."""
    rng = np.random.default_rng(seed)
    symbols = np.zeros((3, 32, 32, *grid), np.int16)
    symbols[:, 0, 0] = np.rint(rng.laplace(size=(3, *grid)) * 40)
    symbols[:, 0, 0][rng.random((3, *grid)) < 0.1] = rng.choice([-32767, -9000, 9000, 32767])
    shapes = random_shapes(grid, seed)
    if grey:
        symbols[1:], shapes[1:] = 0, 0
    return Context(symbols, shapes, int(rng.integers(793)), adaptation)


def file_of(codec: DctVaeCodec, context: Context, *, grey: bool) -> bytes:
    """A file with a context, slice by slice as the encoder codes them."""
    frame = Frame(context.grid, context.step_index, grey)
    parts = []
    for rows in frame.slices:
        own = context.window(rows, slice(0, context.grid[1]))
        changed = context.adaptation if rows.start == 0 else NONE
        coder = codec.bitstream.coder
        parts.append(coder.encode(frame.within(rows), own.shapes, repeat(own.symbols), changed).streams)
    sides = 32 * context.grid[0], 32 * context.grid[1]
    digests = codec.bitstream.digest, codec.generators.newest
    return pack(Header(codec.name, "L" if grey else "RGB", *sides, context.step_index, *digests), join_streams(parts))


def check_alike(data: bytes, weights: Path, context: Context) -> None:
    dcs, shapes, (scale, coefficients) = stranger.level0(data, weights)
    np.testing.assert_array_equal(dcs, context.symbols[:, 0, 0])
    np.testing.assert_array_equal(shapes, context.shapes)
    assert coefficients == context.adaptation.coefficients.tolist()
    assert scale == context.adaptation.scale


@pytest.mark.parametrize("name", PICTURES)
def test_it_reads_golden_files_as_we_do(name: str) -> None:
    data, codec = (GOLDEN / f"{name}.hvc").read_bytes(), hvaecodec.load()
    container = unpack(data)
    header = container.header
    frame = Frame.of(header.height, header.width, header.step_index, header.mode.startswith("L"))
    context, _ = decode_slices(codec.bitstream.coder, frame, container.levels[:1])
    weights = Path(hvaecodec.__file__).parent / "weights" / "dct-vae-photo" / "bitstream.safetensors"
    check_alike(data, weights, context)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("grid", [(1, 1), (1, 2), (5, 7), (17, 18), (33, 3), (2, 40)])
def test_it_reads_random_files_as_we_do(codec: DctVaeCodec, weights: Path, grid: tuple[int, int], grey: bool) -> None:
    for seed in range(2):
        context = random_context(grid, 10 * seed + grid[0], grey=grey)
        check_alike(file_of(codec, context, grey=grey), weights, context)


@pytest.mark.parametrize("changed", [CHANGED, Adaptation(0, np.array([-1], np.int32)), NONE])
def test_it_reads_adaptations_as_we_do(codec: DctVaeCodec, weights: Path, changed: Adaptation) -> None:
    context = random_context((3, 4), 5, grey=False, adaptation=changed)
    check_alike(file_of(codec, context, grey=False), weights, context)


@pytest.mark.parametrize("spread", range(16))
def test_it_reads_coefficients_of_every_spread_as_we_do(
    codec: DctVaeCodec, weights: Path, spread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "_geometric_bits", lambda other: np.full(81, float(other != spread)))
    coefficients = np.random.default_rng(spread).integers(-40, 41, 64).astype(np.int32)
    context = random_context((1, 1), 5, grey=False, adaptation=Adaptation(spread, coefficients))
    check_alike(file_of(codec, context, grey=False), weights, context)


@pytest.mark.parametrize("rows", [65, 130])
def test_it_reads_slices_as_we_do(codec: DctVaeCodec, weights: Path, rows: int) -> None:
    context = random_context((rows, 2), rows, grey=False, adaptation=CHANGED)
    check_alike(file_of(codec, context, grey=False), weights, context)


@pytest.mark.parametrize("damage", ["an added byte", "another entry"])
def test_it_refuses_what_no_encoder_writes(codec: DctVaeCodec, weights: Path, damage: str) -> None:
    context = random_context((3, 4), 1, grey=False)
    container = unpack(file_of(codec, context, grey=False))
    first = bytearray(container.levels[0])
    if damage == "an added byte":
        first.append(1)
    else:
        first[-6:] = b"\xff" * 6
    data = pack(container.header, [bytes(first), *container.levels[1:]])
    with pytest.raises(ValueError, match="no encoder writes|does not end"):
        stranger.level0(data, weights)


def test_it_is_short_and_stands_alone() -> None:
    text = Path(stranger.__file__).read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in text.splitlines()) < 150
    nodes = list(ast.walk(ast.parse(text)))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported == {"bisect", "zlib", "numpy", "safetensors.numpy"}


def test_it_follows_sections_that_there_are() -> None:
    page = (Path(__file__).parents[3] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^##+ (.+)$", page, re.MULTILINE))
    tree = ast.parse(Path(stranger.__file__).read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    quoted = {name for node in nodes for name in re.findall(r'"([^"]+)"', ast.get_docstring(node) or "")}
    assert len(quoted) >= 8
    assert quoted <= headings
