"""Cells of the very deep VAE: what is computed in another way for speed is the same."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hvaecodec.models.vdvae import blocks
from hvaecodec.models.vdvae.blocks import REZERO, Cell, Depthwise


@pytest.mark.parametrize("amx", [True, False])
def test_what_is_faster_than_depthwise_kernels_in_bf16_has_their_gradients(
    amx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "has_amx", lambda: amx)
    torch.manual_seed(0)
    conv = Depthwise(6)
    assert conv.bias is not None
    x = torch.randn(2, 6, 8, 8, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        ours = conv(x)
        own = F.conv2d(x, conv.weight, conv.bias, padding=2, groups=6)
        with torch.no_grad():
            assert torch.equal(conv(x), own)
    torch.testing.assert_close(ours, own, rtol=0.02, atol=0.02)
    inputs = [x, conv.weight, conv.bias]
    push = torch.randn_like(own)
    gradients = [torch.autograd.grad(y, inputs, push) for y in (ours, own)]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=0.02, atol=0.1)


def test_the_gate_scales_what_a_cell_adds() -> None:
    torch.manual_seed(0)
    cell = Cell(REZERO, 8, 8, 4)
    assert cell.gate is not None
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(cell(x), x)
    cell.gate.data.fill_(1)
    whole = cell(x) - x
    cell.gate.data.fill_(0.25)
    torch.testing.assert_close(cell(x) - x, whole / 4)
