"""Maps of shapes through the entropy coder."""

from __future__ import annotations

import constriction
import numpy as np
import pytest
import torch
from partitions import random_shapes

from hvaecodec.codec.entropy.words import from_words, to_words
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.shape_stream import ShapeCoder
from hvaecodec.models.photo.block_layout import valid_shapes
from hvaecodec.models.photo.shape_contexts import fit_shape_tables, shape_bits


def written(coder: ShapeCoder, frame: Frame, maps: np.ndarray) -> tuple[bytes, float]:
    """The stream of maps alone, and the estimate of its bits."""
    encoder = constriction.stream.queue.RangeEncoder()
    bits = coder.encode(encoder, frame, maps)
    return from_words(encoder.get_compressed()), bits


def read(coder: ShapeCoder, frame: Frame, data: bytes) -> tuple[np.ndarray, float]:
    return coder.decode(constriction.stream.queue.RangeDecoder(to_words(data)), frame)


@pytest.fixture(scope="module")
def coder() -> ShapeCoder:
    rng = np.random.default_rng(0)
    return ShapeCoder(
        fit_shape_tables([(int(rng.integers(793)), random_shapes((8, 8), int(rng.integers(1000)))) for _ in range(40)])
    )


@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (5, 1), (16, 24)])
@pytest.mark.parametrize("index", [0, 333, 792])
@pytest.mark.parametrize("grey", [False, True])
def test_maps_come_back(coder: ShapeCoder, grid: tuple[int, int], index: int, grey: bool) -> None:
    maps = random_shapes(grid, index)
    frame = Frame(grid, index, grey)
    data, bits = written(coder, frame, maps)
    decoded, same_bits = read(coder, frame, data)
    np.testing.assert_array_equal(decoded[0], maps[0])
    np.testing.assert_array_equal(decoded[1], 0 if grey else maps[1])
    assert same_bits == bits


def test_bytes_are_what_the_tables_promise() -> None:
    tables = fit_shape_tables([(400, random_shapes((8, 8), seed)) for seed in range(20)])
    maps = random_shapes((16, 24), 77)
    data, bits = written(ShapeCoder(tables), Frame((16, 24), 400), maps)
    assert bits == pytest.approx(shape_bits(tables, 400, maps))
    assert abs(8 * len(data) - bits) <= 0.001 * bits + 64


def test_tables_learn_what_is_usual() -> None:
    flat = np.zeros((2, 16, 16), np.int64)
    tables = fit_shape_tables([(100, flat)] * 50)
    assert shape_bits(tables, 100, flat) < 0.02 * flat.size / 4


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_refused_or_a_partition(coder: ShapeCoder, seed: int) -> None:
    data = np.random.default_rng(seed).bytes(40)
    try:
        maps, _ = read(coder, Frame((4, 4), 50), data)
    except CorruptFile:
        return
    assert valid_shapes(torch.from_numpy(maps))
