"""The generator's likelihoods are distributions, its reach is bounded, its two paths agree, and it sees the blocks."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from hvaecodec.models.photo.block_layout import whole_shapes
from hvaecodec.models.photo.block_shapes import SHAPES
from hvaecodec.models.photo.generator import Generator, kl_gaussian, logistic_nll
from hvaecodec.models.photo.generator_config import MAPS, RADIUS, GeneratorConfig, ScaleConfig
from hvaecodec.models.photo.shape_maps import shape_maps

SMALL = GeneratorConfig(tuple(ScaleConfig(fold, 8, 2, 2) for fold in (32, 16, 8, 4, 2)), encoder=8)


def partition(rows: int = 1, columns: int = 1) -> torch.Tensor:
    """Tiles with luma in quadrants of 16 x 16, 8 x 8, 8 x 16 and 16 x 8 and chroma in two blocks of 16 x 32."""
    return torch.tensor([[[3, 4], [5, 6]], [[1, 1], [1, 1]]])[None].repeat(1, 1, rows, columns)


def random_net() -> Generator:
    torch.manual_seed(0)
    net = Generator(SMALL)
    for parameter in net.parameters():
        parameter.data = 0.1 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize(("mean", "scale"), [(100.0, 1.0), (3.0, 5.0), (-20.0, 2.0), (254.9, 0.06), (300.0, 40.0)])
def test_discretised_logistic_sums_to_one(mean, scale):
    x = torch.arange(256, dtype=torch.float64)
    nll = logistic_nll(x, torch.full_like(x, mean), torch.full_like(x, math.log(scale)))
    assert torch.exp(-nll).sum() == pytest.approx(1, abs=1e-9)
    assert torch.isfinite(nll).all()


def test_kl_of_gaussians_against_torch():
    q, p = (torch.tensor([0.3]), torch.tensor([-0.5])), (torch.tensor([-1.0]), torch.tensor([0.4]))
    expected = torch.distributions.kl_divergence(*(torch.distributions.Normal(m, s.exp()) for m, s in (q, p)))
    torch.testing.assert_close(kl_gaussian(q, p), expected)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = Generator()  # the real scales: the reach is theirs
    for name, parameter in net.named_parameters():
        if "out_" in name or "mix" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return net.eval().requires_grad_(False)


TILE_ROW = 32 * 7


def reach_of(net: Generator, side: int) -> torch.Tensor:
    """By how much the first row (side 0) or the last one of tile 7 of 14 changes with each row of the picture."""
    size = 32 * 14
    torch.manual_seed(1)
    picture = torch.rand(1, 3, size, size).mul(255).requires_grad_()
    edge = TILE_ROW + (0 if side == 0 else 31)
    net(picture, whole_shapes(1, 14, 14).repeat(1, 2, 1, 1), torch.tensor([300]))[0, :, edge].sum().backward()
    return picture.grad[0].abs().sum((0, 2))


@pytest.mark.parametrize("side", [0, 1])
def test_receptive_field_is_at_most_its_radius(net, side):
    plain = copy.deepcopy(net).requires_grad_()  # with fixed weights roundings reach farther: see the next test
    rows = reach_of(plain, side).nonzero()
    assert rows.min() >= TILE_ROW - RADIUS and rows.max() < TILE_ROW + 32 + RADIUS
    assert rows.max() - rows.min() > RADIUS


@pytest.mark.parametrize("side", [0, 1])
def test_gradients_of_fixed_weights_reach_farther_by_roundings_alone(net, side):
    """Their convolutions mix the inputs of a patch, and what cancels leaves roundings."""
    by_row = reach_of(net, side)
    outside = torch.cat([by_row[: TILE_ROW - RADIUS], by_row[TILE_ROW + 32 + RADIUS :]])
    assert 0 < outside.max() < 1e-6 * by_row.max()


def test_the_radius_is_whole_tiles_and_no_more_than_the_reach(net):
    """A picture is cut into tiles with so many around them."""
    assert RADIUS % 32 == 0
    size, tile = 32 * 14, 32 * 7
    picture = torch.rand(1, 3, size, size).mul(255).requires_grad_()
    net(picture, whole_shapes(1, 14, 14).repeat(1, 2, 1, 1), torch.tensor([300]))[0, :, tile].sum().backward()
    assert picture.grad[0].abs().sum((0, 2)).nonzero().min() < tile - (RADIUS - 32)


def test_no_latents_means_no_latent_parameters_and_no_kl():
    net = Generator(GeneratorConfig(SMALL.scales, encoder=8, latents=False))
    assert not any("prior" in name or "posterior" in name or "encoder" in name for name, _ in net.named_parameters())
    x = torch.rand(2, 3, 64, 64) * 255
    picture, nll, kls = net.train_step(x, x, partition(2, 2).repeat(2, 1, 1, 1), torch.tensor([5, 700]), 1)
    assert picture.shape == x.shape and nll.shape == (1,) and kls == []


def test_temperature_zero_path_is_the_same_alone_and_in_a_training_step():
    torch.manual_seed(1)
    net = Generator(SMALL)
    for name, parameter in net.named_parameters():
        if "out_" in name or ".prior." in name or ".shape." in name:
            torch.nn.init.normal_(parameter, std=0.05)
    x, shapes = torch.rand(3, 3, 64, 64) * 255, partition(2, 2).repeat(3, 1, 1, 1)
    dequantised, index = x + torch.randn_like(x), torch.tensor([0, 300, 792])
    with torch.no_grad():
        both, nll, kls = net.train_step(x, dequantised, shapes, index, 1)
        alone = net(dequantised, shapes, index)
    torch.testing.assert_close(both[:2], alone[:2])
    assert (both[2] != alone[2]).any() and all((kl >= 0).all() for kl in kls)
    assert nll.shape == (1,) and len(kls) == 5


@pytest.mark.parametrize("fold", [16, 8, 4, 2])
def test_maps_show_shapes_and_edges(fold):
    maps = shape_maps(partition(), fold)
    side = 32 // fold
    assert maps.shape == (1, MAPS, side, side)
    luma, chroma = maps[0, :11], maps[0, 11:]
    assert torch.equal(luma[3, : side // 2, : side // 2], torch.ones(side // 2, side // 2))
    assert luma[: len(SHAPES)].sum() == side * side
    up, down, left, right = chroma[len(SHAPES) :]
    assert up[0].all() and up[side // 2].all() and up.sum() == 2 * side
    assert down[-1].all() and down.sum() == 2 * side
    assert left[:, 0].all() and left.sum() == side and right[:, -1].all() and right.sum() == side


def test_edges_of_small_blocks():
    up, down, left, _ = shape_maps(partition(), 4)[0, 7:11]
    assert up[:4, 4:].tolist() == [[1] * 4, [0] * 4] * 2  # four blocks of 8 x 8
    assert left[4:, 4:].tolist() == [[1, 0, 1, 0]] * 4  # two of 16 x 8
    assert left[4:, :4].tolist() == [[1, 0, 0, 0]] * 4 and down[4:, 0].tolist() == [0, 1, 0, 1]  # two of 8 x 16


def test_the_picture_changes_with_the_shapes():
    net, x, index = random_net(), 255 * torch.rand(1, 3, 32, 32), torch.tensor([300])
    with torch.no_grad():
        for number in (0, 1):  # of the map whose tiles become undivided
            changed = partition().index_fill(1, torch.tensor([number]), 0)
            assert not torch.equal(net(x, changed, index), net(x, partition(), index))


def test_offsets_of_zero_change_nothing_and_others_do():
    net = random_net()
    x, index = 255 * torch.rand(1, 3, 32, 32), torch.tensor([300])
    with torch.no_grad():
        plain = net(x, partition(), index)
        assert torch.equal(net(x, partition(), index, offsets=torch.zeros(1, net.offsets)), plain)
        assert not torch.equal(net(x, partition(), index, offsets=0.5 + torch.zeros(1, net.offsets)), plain)
    assert net.offsets == 5 * 2 * 2 * 8


def test_offsets_have_gradients():
    net = random_net().requires_grad_(False)
    offsets = torch.zeros(1, net.offsets, requires_grad=True)
    net(255 * torch.rand(1, 3, 32, 32), partition(), torch.tensor([300]), offsets=offsets).square().mean().backward()
    assert offsets.grad is not None
    assert (offsets.grad != 0).float().mean() > 0.9
