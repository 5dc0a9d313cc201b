"""The fast choice of DCT blocks."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.photo.block_layout import blocks_to_tiles, tiles_to_blocks, valid_shapes, whole_shapes
from hvaecodec.models.photo.partition import by_channel, choose_shapes


def bits(coefficients: torch.Tensor, step: float) -> float:
    return float(torch.log2(1 + 4 * (coefficients / step) ** 2).sum())


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    """A flat half, a texture of horizontal stripes, and a few dots, (1, 3, 64, 96)."""
    torch.manual_seed(0)
    x = torch.zeros(1, 3, 64, 96)
    x[:, 0, :, 32:64] = 60 * torch.sin(torch.arange(64.0) * 2.9)[:, None]
    for r, c in ((5, 70), (40, 90), (50, 75)):
        x[:, :, r : r + 3, c : c + 3] = 90
    return x


@pytest.mark.parametrize("step", [8.0, 40.0, 160.0])
def test_maps_are_partitions_of_the_pictures_size(picture: torch.Tensor, step: float) -> None:
    shapes = choose_shapes(picture, torch.tensor([step]))
    assert shapes.shape == (1, 2, 4, 6)
    assert valid_shapes(shapes)


def test_flat_tiles_stay_whole(picture: torch.Tensor) -> None:
    shapes = choose_shapes(picture, torch.tensor([20.0]))
    assert (shapes[..., :2] == 0).all()


def test_dots_are_cut_out_and_stripes_are_not_cut_across(picture: torch.Tensor) -> None:
    shapes = choose_shapes(picture, torch.tensor([20.0]))
    assert (shapes[:, 0, :, 4:] > 2).any()
    assert (shapes[:, 0, :, 2:4] != 4).all()


def test_choice_is_cheaper_than_undivided_tiles(picture: torch.Tensor) -> None:
    step = torch.tensor([20.0])
    shapes = choose_shapes(picture, step)
    chosen = tiles_to_blocks(picture, by_channel(shapes))
    assert bits(chosen, 20) < 0.9 * bits(tiles_to_blocks(picture, whole_shapes(1, 2, 3)), 20)
    assert torch.allclose(blocks_to_tiles(chosen, by_channel(shapes)), picture, atol=1e-3)


def test_pictures_of_a_batch_are_chosen_for_alone(picture: torch.Tensor) -> None:
    both = torch.cat([picture, picture.flip(3)])
    steps = torch.tensor([10.0, 90.0])
    together = choose_shapes(both, steps)
    for i in (0, 1):
        assert torch.equal(together[i : i + 1], choose_shapes(both[i : i + 1], steps[i : i + 1]))
