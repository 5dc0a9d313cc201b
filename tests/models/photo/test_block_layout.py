"""Tiles of different DCT blocks: orthonormal, and every partition shows the same pyramid."""

from __future__ import annotations

import itertools

import pytest
import torch

from hvaecodec.models.dct import tiles_to_coefficients
from hvaecodec.models.photo.block_layout import (
    blocks_to_tiles,
    by_place,
    frequency_radius,
    tiles_to_blocks,
    valid_shapes,
    whole_shapes,
)
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE

SIZES = (1, 2, 4, 8, 16, 32)


def every_partition() -> torch.Tensor:
    """One tile of every partition there is, side by side, (1, 1, 2, 2n)."""
    tiles = [torch.full((2, 2), number) for number in range(WHOLE)]
    tiles += [torch.tensor(four).view(2, 2) for four in itertools.product(range(WHOLE, len(SHAPES)), repeat=4)]
    return torch.cat(tiles, 1)[None, None]


@pytest.fixture(scope="module")
def shapes() -> torch.Tensor:
    return every_partition()


def test_every_partition_is_named_once(shapes: torch.Tensor) -> None:
    assert shapes.shape[-1] // 2 == 3 + 4**4
    assert valid_shapes(shapes)


def test_whole_shapes_in_part_of_a_tile_are_no_partition() -> None:
    broken = torch.tensor([[0, 3], [3, 3]])[None, None]
    assert not valid_shapes(broken)
    assert not valid_shapes(torch.full((1, 1, 2, 2), 7))


def test_undivided_tiles_are_the_plain_transform() -> None:
    x = torch.randn(2, 3, 64, 96)
    assert torch.allclose(tiles_to_blocks(x, whole_shapes(2, 2, 3)), tiles_to_coefficients(x), atol=1e-5)


def test_transform_is_orthonormal_and_comes_back(shapes: torch.Tensor) -> None:
    x = torch.randn(1, 2, 32, 16 * shapes.shape[-1])
    c = tiles_to_blocks(x, shapes)
    assert torch.allclose(c.square().sum((2, 3)), tiles_to_coefficients(x).square().sum((2, 3)), rtol=1e-4)
    assert torch.allclose(blocks_to_tiles(c, shapes), x, atol=1e-4)


def test_channels_may_have_shapes_of_their_own(shapes: torch.Tensor) -> None:
    n = shapes.shape[-1]
    both = torch.cat([shapes, whole_shapes(1, 1, n // 2)], 1)
    x = torch.randn(1, 2, 32, 16 * n)
    c = tiles_to_blocks(x, both)
    assert torch.allclose(c[:, :1], tiles_to_blocks(x[:, :1], shapes), atol=1e-5)
    assert torch.allclose(c[:, 1:], tiles_to_coefficients(x[:, 1:]), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_thumbnails_of_flat_tiles_are_flat(shapes: torch.Tensor, size: int) -> None:
    tone = torch.randn(1, 1, 1, shapes.shape[-1] // 2)
    x = tone.repeat_interleave(32, 2).repeat_interleave(32, 3)
    thumbnail = blocks_to_tiles(tiles_to_blocks(x, shapes), shapes, size)
    assert torch.allclose(thumbnail, tone.repeat_interleave(size, 2).repeat_interleave(size, 3), atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_thumbnails_of_ramps_are_box_means(shapes: torch.Tensor, size: int) -> None:
    """To within what a DCT cut off at a block's edge overshoots by: 0.17 of a thumbnail's pixel each way."""
    n = shapes.shape[-1] // 2
    for down, across in ((1, 0), (0, 1), (1, 2)):
        ramp = torch.arange(32.0)
        tile = down * ramp[:, None] + across * ramp[None]
        x = tile.repeat(1, n)[None, None]
        box = torch.nn.functional.avg_pool2d(x, 32 // size)
        thumbnail = blocks_to_tiles(tiles_to_blocks(x, shapes), shapes, size)
        allowed = 0.17 * (down + across) * 32 / size if size < 32 else 1e-3
        assert (thumbnail - box).abs().max() <= (1e-3 if size == 1 else allowed)


@pytest.mark.parametrize(("size", "number"), [(2, 3), (2, 4), (4, 4)])
def test_thumbnails_as_fine_as_the_blocks_are_exact_means(size: int, number: int) -> None:
    shapes = torch.full((1, 1, 2, 2), number)
    x = torch.randn(1, 1, 32, 32)
    thumbnail = blocks_to_tiles(tiles_to_blocks(x, shapes), shapes, size)
    assert torch.allclose(thumbnail, torch.nn.functional.avg_pool2d(x, 32 // size), atol=1e-5)


def test_a_level_holds_its_octave(shapes: torch.Tensor) -> None:
    """No coefficient of a level stands for a frequency of a finer one, and few for a coarser."""
    radius = frequency_radius()
    place = torch.arange(32.0)
    place = torch.maximum(place[:, None], place[None])
    assert (radius <= place * 2**0.5 + 1e-4).all()


def test_tables_are_spread_by_shape(shapes: torch.Tensor) -> None:
    table = torch.arange(7.0)[:, None, None, None].expand(7, 3, 32, 32)
    spread = by_place(table.contiguous(), shapes)
    n = shapes.shape[-1] // 2
    assert spread.shape == (1, 3, 32, 32, 1, n)
    for i in (0, 1):
        for j in (0, 1):
            expected = shapes[0, 0, i::2, j::2].float().expand(3, 16, 16, 1, n)
            assert torch.equal(spread[0, :, i::2, j::2], expected)


def test_equal_frequencies_of_neighbouring_blocks_have_equal_radius() -> None:
    radius = frequency_radius()
    assert torch.equal(radius[4, ::4, ::4], radius[4, 3::4, 3::4])
    assert radius[5, 4, 2] == torch.hypot(torch.tensor(4.0), torch.tensor(2.0))
