"""A residual block with fixed weights is the block: its result, its gradients, with and without bfloat16."""

import pytest
import torch

from hvaecodec.models import frozen_block, refined_by_patches
from hvaecodec.models.rate_block import Block
from hvaecodec.models.side_by_side import crew

WIDTH = 12
HEIGHTS = (8, 20, 24)  # of one strip, of strips of two heights, and of whole ones, where a strip has twelve rows


def block(requires_grad: bool = False) -> Block:
    torch.manual_seed(0)
    made = Block(WIDTH).to(memory_format=torch.channels_last)
    for parameter in made.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter)
    return made.requires_grad_(requires_grad)


def inputs(batch: int = 1, height: int = 10, columns: int = 14) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    h = torch.randn(batch, WIDTH, height, columns).to(memory_format=torch.channels_last)
    return h, torch.rand(batch, 8), 0.3 * torch.randn(batch, 2 * WIDTH)


def plain(net: Block, h: torch.Tensor, rate: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    return net._refined((net.rate(rate) + offset)[:, :, None, None], h)


@pytest.mark.parametrize(("bfloat16", "within"), [(False, 1e-5), (True, 0.05)])
@pytest.mark.parametrize("with_gradients", [False, True])
def test_the_result_is_the_blocks(bfloat16, within, with_gradients, monkeypatch):
    net, (h, rate, offset) = block(), inputs()
    monkeypatch.setattr(net, "_refined", None)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        state = h.bfloat16() if bfloat16 else h
        result = net(state.requires_grad_(with_gradients), rate, offset)
    assert result.dtype == state.dtype and result.is_contiguous(memory_format=torch.channels_last)
    monkeypatch.undo()
    torch.testing.assert_close(result.float(), plain(net, h, rate, offset), rtol=within, atol=within)


@pytest.mark.parametrize(("bfloat16", "within"), [(False, 1e-4), (True, 0.1)])
def test_gradients_are_the_blocks(bfloat16, within):
    net, (h, rate, offset) = block(), inputs()
    gradients = []
    for compute in (plain, Block.forward):
        state, moved = h.clone().requires_grad_(), offset.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16 and compute is not plain):
            out = compute(net, state.bfloat16() if bfloat16 and compute is not plain else state, rate, moved)
        out.float().square().sum().backward()
        gradients.append((state.grad, moved.grad))
    for expected, ours in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, rtol=within, atol=within * float(expected.abs().max()))


@pytest.fixture
def by_patches(monkeypatch):
    """Let narrow maps go by patches, in strips of three rows of them."""
    monkeypatch.setattr(refined_by_patches, "LEAST_WIDTH", WIDTH)
    monkeypatch.setattr(refined_by_patches, "_PATCHES", 12)


def gone_through(compute, height: int) -> list[torch.Tensor]:
    """The result of a block and its gradients by the state and by offsets, of 16 columns."""
    net = block()
    torch.manual_seed(1)
    h, rate, offset = inputs(height=height, columns=16)
    out = compute(net, h.requires_grad_(), rate, offset.requires_grad_())
    weights = torch.randn_like(out)
    (weights * out).sum().backward()
    return [out.detach(), h.grad, offset.grad]


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.usefixtures("by_patches")
def test_by_patches_it_is_the_block(height):
    assert refined_by_patches.fits(inputs(height=height, columns=16)[0])
    for expected, ours in zip(gone_through(plain, height), gone_through(Block.forward, height), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("height", [10, HEIGHTS[-1]])  # by patches only the second
@pytest.mark.usefixtures("by_patches")
def test_the_gradient_by_the_state_alone_is_the_same(height, monkeypatch):
    """And nothing is added up for offsets that ask for no gradient."""
    net, (h, rate, offset) = block(), inputs(height=height, columns=16)
    h.requires_grad_()
    (both,) = torch.autograd.grad(net(h, rate, offset.clone().requires_grad_()).sum(), h)
    monkeypatch.setattr(frozen_block, "_by_moved", None)
    assert torch.equal(torch.autograd.grad(net(h, rate, offset).sum(), h)[0], both)


@pytest.mark.usefixtures("by_patches")
def test_by_patches_nothing_depends_on_the_number_of_threads():
    alone = gone_through(Block.forward, HEIGHTS[-1])
    with crew(3):
        together = gone_through(Block.forward, HEIGHTS[-1])
    assert all(torch.equal(one, three) for one, three in zip(alone, together, strict=True))


@pytest.mark.parametrize("shape", [(2, WIDTH, 8, 8), (1, WIDTH, 8, 10), (1, WIDTH, 6, 8), (1, WIDTH - 1, 8, 8)])
@pytest.mark.usefixtures("by_patches")
def test_other_maps_do_not_go_by_patches(shape):
    assert not refined_by_patches.fits(torch.zeros(shape))
    assert not refined_by_patches.fits(torch.zeros(1, WIDTH, 8, 8, dtype=torch.bfloat16))


def test_a_graph_may_be_gone_through_twice():
    net, (h, rate, offset) = block(), inputs()
    h.requires_grad_()
    out = net(h, rate, offset).sum()
    first, second = (torch.autograd.grad(out, h, retain_graph=True)[0].clone() for _ in range(2))
    assert torch.equal(first, second)


def test_a_channel_that_is_switched_off_has_no_gradient_of_its_gain():
    net, (h, _, _) = block(), inputs()
    moved = torch.zeros(1, 2 * WIDTH)
    moved[0, 0] = -1
    moved.requires_grad_()
    weights = net.conv.weight, net.conv.bias, net.mix.weight, net.mix.bias
    frozen_block.RefinedWithGradients.apply(h, moved, *weights).square().sum().backward()
    assert moved.grad[0, 0] == 0 and moved.grad[0, 1:].abs().min() > 0


def test_weights_that_learn_have_gradients():
    net, (h, rate, offset) = block(requires_grad=True), inputs(batch=2)
    net(h, rate, offset).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
