"""Pictures through chosen blocks, rounding and the entropy coder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hvaecodec.codec.backends.torch_photo_partition import analyse, dequantised_blocks, error_weights
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.block_search import BlockRounder
from hvaecodec.codec.photo.block_symbols import encode_block_symbols
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.block_prior_exact import BlockExactArithmetic
from hvaecodec.models.photo.block_prior_layers import BlockPriorConfig
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet
from hvaecodec.models.photo.prior_exact import export_integers


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:70, :110]
    waves = 128 + 60 * np.sin(x / 3.0) * (y > 30) + 40 * np.cos((x + y) / 9.0)
    colour = waves[..., None] + np.array([0, 10, -15])
    return np.clip(colour + 4 * rng.standard_normal(colour.shape), 0, 255).astype(np.uint8)


def test_fine_steps_give_the_picture_back(pixels) -> None:
    analysis = analyse(pixels, 1.0)
    shown = dequantised_blocks(np.rint(analysis.coefficients), analysis.shapes, 1.0)
    error = shown[0, :, :70, :110].permute(1, 2, 0).numpy() - pixels
    assert np.abs(error).mean() < 0.6


def test_grey_has_no_chroma(pixels) -> None:
    analysis = analyse(pixels[..., 0], 10.0)
    assert not analysis.coefficients[1:].any()
    assert (analysis.shapes[1] == 0).all()


@pytest.mark.parametrize("size", [1, 8, 16])
def test_thumbnails_are_small_pictures(pixels, size) -> None:
    analysis = analyse(pixels, 4.0)
    whole = dequantised_blocks(np.rint(analysis.coefficients), analysis.shapes, 4.0)
    small = dequantised_blocks(np.rint(analysis.coefficients), analysis.shapes, 4.0, size)
    box = torch.nn.functional.avg_pool2d(whole, 32 // size)
    assert small.shape == box.shape
    assert (small - box).abs().mean() < 4


def test_given_shapes_are_kept(pixels) -> None:
    shapes = np.full((2, 6, 8), 4)
    assert np.array_equal(analyse(pixels, 10.0, shapes).shapes, shapes)


def test_rounding_saves_bits_for_little_error(pixels) -> None:
    torch.manual_seed(0)
    net = BlockPriorNet(BlockPriorConfig(coarse=8, fine=8, dc_hidden=8))
    arithmetic, tables = BlockExactArithmetic(export_integers(net), net.config), Tables(logistic_tables())
    analysis = analyse(pixels, 20.0)
    frame = Frame((3, 4), 550)
    plain = repeat(np.rint(analysis.coefficients).astype(np.int16))
    _, before, symbols = encode_block_symbols(arithmetic, tables, frame, analysis.shapes, plain)
    searched = BlockRounder(
        analysis.coefficients, error_weights(analysis.shapes), tables, SearchConfig(lagrangian=0.07)
    )
    _, after, chosen = encode_block_symbols(arithmetic, tables, frame, analysis.shapes, searched)
    assert sum(after) < sum(before)
    assert np.abs(chosen - symbols).max() <= 1
    assert np.abs(chosen - analysis.coefficients).mean() < 1.2 * np.abs(symbols - analysis.coefficients).mean()
