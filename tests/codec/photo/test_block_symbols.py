"""Symbols over tiles of different blocks through the entropy coder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.block_symbols import decode_block_symbols, encode_block_symbols
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.block_prior_exact import BlockExactArithmetic
from hvaecodec.models.photo.block_prior_layers import BlockPriorConfig
from hvaecodec.models.photo.block_prior_numpy import BlockNumpyArithmetic
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.prior_exact import export_integers

INDEX = 417


def shapes_of(grid: tuple[int, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    whole = rng.integers(0, WHOLE + 1, (2, *grid)).repeat(2, 1).repeat(2, 2)
    return np.where(whole < WHOLE, whole, rng.integers(WHOLE, len(SHAPES), whole.shape))


def symbols_of(grid: tuple[int, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = 300 / (1 + np.hypot(*np.mgrid[:32, :32])) ** 1.7
    values = rng.laplace(size=(3, 32, 32, *grid)) * size[:, :, None, None]
    values[rng.random(values.shape) < 0.001] *= 40
    return np.clip(np.rint(values), -6000, 6000).astype(np.int16)


@pytest.fixture(scope="module")
def net() -> BlockPriorNet:
    torch.manual_seed(0)
    net = BlockPriorNet(BlockPriorConfig(coarse=12, fine=16, dc_hidden=8))
    for name, value in net.named_buffers():
        if "linear" in name and not name.startswith("dc"):
            value.copy_(torch.randint(-200, 200, value.shape))
    return net


@pytest.fixture(scope="module")
def exact(net: BlockPriorNet) -> BlockExactArithmetic:
    return BlockExactArithmetic(export_integers(net), net.config)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables(logistic_tables())


@pytest.mark.parametrize("grid", [(1, 1), (1, 9), (18, 3), (5, 7)])
@pytest.mark.parametrize("grey", [False, True])
def test_symbols_come_back(exact, tables, grid, grey) -> None:
    symbols, shapes = symbols_of(grid), shapes_of(grid)
    if grey:
        symbols[1:] = 0
    streams, estimates, _ = encode_block_symbols(exact, tables, Frame(grid, INDEX, grey), shapes, repeat(symbols))
    decoded, _ = decode_block_symbols(exact, tables, Frame(grid, INDEX, grey), shapes, streams)
    np.testing.assert_array_equal(decoded, symbols)
    for stream, estimate in zip(streams, estimates, strict=True):
        assert abs(8 * len(stream) - estimate) <= 0.01 * estimate + 64


def test_the_first_levels_decode_alone(exact, tables) -> None:
    grid = (5, 7)
    symbols, shapes = symbols_of(grid), shapes_of(grid)
    streams, *_ = encode_block_symbols(exact, tables, Frame(grid, INDEX), shapes, repeat(symbols))
    for levels in range(1, 7):
        decoded, _ = decode_block_symbols(exact, tables, Frame(grid, INDEX), shapes, streams[:levels])
        size = 2 ** (levels - 1)
        np.testing.assert_array_equal(decoded[:, :size, :size], symbols[:, :size, :size])
        assert not decoded[:, size:].any() and not decoded[:, :, size:].any()


def test_the_numpy_reference_reads_the_same(net, exact, tables) -> None:
    grid = (3, 4)
    symbols, shapes = symbols_of(grid), shapes_of(grid)
    streams, *_ = encode_block_symbols(exact, tables, Frame(grid, INDEX), shapes, repeat(symbols))
    reference = BlockNumpyArithmetic(export_integers(net), net.config)
    decoded, _ = decode_block_symbols(reference, tables, Frame(grid, INDEX), shapes, streams)
    np.testing.assert_array_equal(decoded, symbols)
