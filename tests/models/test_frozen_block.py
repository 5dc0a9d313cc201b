"""A residual block with fixed weights is the block: its result, its gradients, with and without bfloat16."""

import pytest
import torch

from hvaecodec.models import frozen_block
from hvaecodec.models.rate_block import Block

WIDTH = 12


def block(requires_grad: bool = False) -> Block:
    torch.manual_seed(0)
    made = Block(WIDTH).to(memory_format=torch.channels_last)
    for parameter in made.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter)
    return made.requires_grad_(requires_grad)


def inputs(batch: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    h = torch.randn(batch, WIDTH, 10, 14).to(memory_format=torch.channels_last)
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
