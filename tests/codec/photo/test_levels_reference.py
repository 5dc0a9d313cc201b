"""All symbols of files as a decoder of the tests' own reads them, which follows docs/FORMAT.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny
from golden.make import PICTURES
from partitions import random_shapes
from reference.levels import symbols_of
from safetensors.numpy import load_file

from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.photo.codec import PACKAGE_WEIGHTS, DctVaeCodec
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.slices import decode_slices, join_streams
from hvaecodec.codec.photo.streams import repeat

GOLDEN = Path(__file__).parents[2] / "golden"


def random_symbols(grid: tuple[int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = 100 / (1 + np.hypot(*np.mgrid[:32, :32])) ** 1.7
    symbols = rng.laplace(size=(3, 32, 32, *grid)) * size[:, :, None, None]
    symbols[rng.random(symbols.shape) < 0.001] *= 40
    return np.rint(symbols).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("grid", [(1, 1), (3, 5), (66, 1)])
def test_it_reads_random_symbols_as_we_do(folder: Path, grid: tuple[int, int], grey: bool) -> None:
    coder, frame = DctVaeCodec.load(folder).bitstream.coder, Frame(grid, 417, grey)
    symbols, shapes = random_symbols(grid, grid[1]), random_shapes(grid)
    if grey:
        symbols[1:], shapes[1:] = 0, 0
    parts = []
    for rows in frame.slices:
        own = np.ascontiguousarray(symbols[..., rows, :])
        maps = shapes[:, 2 * rows.start : 2 * rows.stop]
        parts.append(coder.encode(frame.within(rows), maps, repeat(own)).streams)
    arrays = load_file(folder / "bitstream.safetensors")
    np.testing.assert_array_equal(symbols_of(join_streams(parts), arrays, *grid, 417, not grey), symbols)


def test_it_reads_chunks_of_a_wide_picture_as_we_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hvaecodec.codec.photo.chunk_coder.CHUNK_TILES", 7)
    monkeypatch.setattr("reference.levels.CHUNK_TILES", 7)
    coder, symbols, shapes = DctVaeCodec.load(folder).bitstream.coder, random_symbols((5, 3), 1), random_shapes((5, 3))
    streams = coder.encode(Frame((5, 3), 100), shapes, repeat(symbols)).streams
    arrays = load_file(folder / "bitstream.safetensors")
    np.testing.assert_array_equal(symbols_of(streams, arrays, 5, 3, 100, True), symbols)


@pytest.mark.parametrize("name", PICTURES)
def test_it_reads_golden_files_as_we_do(name: str) -> None:
    container = unpack((GOLDEN / f"{name}.hvc").read_bytes())
    header, coder = container.header, DctVaeCodec.load().bitstream.coder
    frame = Frame.of(header.height, header.width, header.step_index, header.mode.startswith("L"))
    arrays = load_file(PACKAGE_WEIGHTS / "bitstream.safetensors")
    theirs = symbols_of(container.levels, arrays, *frame.grid, header.step_index, not frame.grey)
    np.testing.assert_array_equal(theirs, decode_slices(coder, frame, container.levels)[0].symbols)
