"""The generator over tiles of different blocks: what it sees of them, and that it begins as the shallower net."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.photo.block_generator import MAPS, BlockGenerator, BlockGeneratorConfig, grow, shape_maps
from hvaecodec.models.photo.block_shapes import SHAPES
from hvaecodec.models.photo.generator import Generator, GeneratorConfig, ScaleConfig

OLD = tuple(ScaleConfig(fold, 8, 1, 2) for fold in (32, 16, 8, 4, 2))
NEW = tuple(ScaleConfig(fold, 8, 2, 2) for fold in (32, 16, 8, 4, 2))


def partition() -> torch.Tensor:
    """One tile: luma in quadrants of 16 x 16, 8 x 8, 8 x 16 and 16 x 8, chroma in two blocks of 16 x 32."""
    return torch.tensor([[[3, 4], [5, 6]], [[1, 1], [1, 1]]])[None]


def random_net(config: BlockGeneratorConfig) -> BlockGenerator:
    torch.manual_seed(0)
    net = BlockGenerator(config)
    for parameter in net.parameters():
        parameter.data = 0.1 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize("fold", [16, 8, 4, 2])
def test_maps_show_shapes_and_edges(fold: int) -> None:
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


def test_edges_of_small_blocks() -> None:
    up, down, left, _ = shape_maps(partition(), 4)[0, 7:11]
    assert up[:4, 4:].tolist() == [[1] * 4, [0] * 4] * 2  # four blocks of 8 x 8
    assert left[4:, 4:].tolist() == [[1, 0, 1, 0]] * 4  # two of 16 x 8
    assert left[4:, :4].tolist() == [[1, 0, 0, 0]] * 4 and down[4:, 0].tolist() == [0, 1, 0, 1]  # two of 8 x 16


def test_begins_as_the_shallower_net() -> None:
    torch.manual_seed(1)
    old = Generator(GeneratorConfig(OLD, encoder=8))
    for parameter in old.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter)
    net = BlockGenerator(BlockGeneratorConfig(NEW, encoder=8))
    missing = grow(net, old.state_dict())
    assert all("blocks.1" in name or "shape" in name for name in missing)
    x, index = 255 * torch.rand(2, 3, 64, 32), torch.tensor([100, 500])
    shapes = partition().repeat(2, 1, 2, 1)
    with torch.no_grad():
        assert torch.allclose(net(x, shapes, index), old(x, index), atol=1e-3)


def test_weights_of_another_width_are_refused() -> None:
    old = Generator(GeneratorConfig(tuple(ScaleConfig(f, 12, 1, 2) for f in (32, 16, 8, 4, 2)), encoder=8))
    with pytest.raises(ValueError, match="does not fit"):
        grow(BlockGenerator(BlockGeneratorConfig(NEW, encoder=8)), old.state_dict())


def test_offsets_of_zero_change_nothing_and_others_do() -> None:
    net = random_net(BlockGeneratorConfig(NEW, encoder=8))
    x, index = 255 * torch.rand(1, 3, 32, 32), torch.tensor([300])
    with torch.no_grad():
        plain = net(x, partition(), index)
        assert torch.equal(net(x, partition(), index, offsets=torch.zeros(1, net.offsets)), plain)
        assert not torch.equal(net(x, partition(), index, offsets=0.5 + torch.zeros(1, net.offsets)), plain)
    assert net.offsets == 5 * 2 * 2 * 8


def test_offsets_have_gradients() -> None:
    net = random_net(BlockGeneratorConfig(NEW, encoder=8)).requires_grad_(False)
    offsets = torch.zeros(1, net.offsets, requires_grad=True)
    net(255 * torch.rand(1, 3, 32, 32), partition(), torch.tensor([300]), offsets=offsets).square().mean().backward()
    assert offsets.grad is not None
    assert (offsets.grad != 0).float().mean() > 0.9


def test_temperature_zero_is_what_training_sees() -> None:
    net = random_net(BlockGeneratorConfig(NEW, encoder=8))
    x, shapes, index = 255 * torch.rand(3, 3, 32, 32), partition().repeat(3, 1, 1, 1), torch.tensor([1, 300, 700])
    with torch.no_grad():
        out, nll, kls = net.train_step(x, x, shapes, index, 1)
        assert torch.allclose(out[:2], net(x[:2], shapes[:2], index[:2]), atol=1e-2)
    assert nll.shape == (1,)
    assert len(kls) == 5
