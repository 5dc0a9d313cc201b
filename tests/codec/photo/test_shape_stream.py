"""Maps of shapes through the entropy coder."""

from __future__ import annotations

import numpy as np
import pytest

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.photo.shape_stream import ShapeCoder
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.shape_contexts import fit_shape_tables, shape_bits


def random_maps(rng: np.random.Generator, grid: tuple[int, int]) -> np.ndarray:
    """(2, 2 rows, 2 columns), mostly whole tiles."""
    whole = np.minimum(rng.integers(0, 6, (2, *grid)), 3).repeat(2, 1).repeat(2, 2)
    whole = np.where(rng.random() < 0.2, 0, whole)
    return np.where(whole < WHOLE, whole, rng.integers(WHOLE, len(SHAPES), whole.shape))


@pytest.fixture(scope="module")
def coder() -> ShapeCoder:
    rng = np.random.default_rng(0)
    return ShapeCoder(fit_shape_tables([(int(rng.integers(793)), random_maps(rng, (8, 8))) for _ in range(40)]))


@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (5, 1), (16, 24)])
@pytest.mark.parametrize("index", [0, 333, 792])
def test_maps_come_back(coder: ShapeCoder, grid: tuple[int, int], index: int) -> None:
    maps = random_maps(np.random.default_rng(index), grid)
    data = coder.encode(index, maps)
    np.testing.assert_array_equal(coder.decode(index, grid, data), maps)


def test_bytes_are_what_the_tables_promise(coder: ShapeCoder) -> None:
    rng = np.random.default_rng(5)
    tables = fit_shape_tables([(400, random_maps(rng, (8, 8))) for _ in range(20)])
    maps = random_maps(rng, (16, 24))
    bits = shape_bits(tables, 400, maps)
    assert abs(8 * len(ShapeCoder(tables).encode(400, maps)) - bits) <= 0.001 * bits + 64


def test_tables_learn_what_is_usual() -> None:
    flat = np.zeros((2, 16, 16), np.int64)
    tables = fit_shape_tables([(100, flat)] * 50)
    assert shape_bits(tables, 100, flat) < 0.02 * flat.size / 4


def test_noise_is_refused_or_a_partition(coder: ShapeCoder) -> None:
    try:
        maps = coder.decode(50, (4, 4), b"\xff" * 40)
    except CorruptFile:
        return
    assert maps.max() < len(SHAPES)
