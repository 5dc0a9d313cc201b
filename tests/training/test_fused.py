"""A loss as fused code gives what it gives otherwise; without a compiler it stays as it is."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hvaecodec.training.fused import fuse_loss
from hvaecodec.training.place import Place

COMPILED = Place(compiled=True)


def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (F.silu(x) * y).mean()


def test_unwanted_or_without_a_compiler_nothing_changes(monkeypatch):
    assert fuse_loss(loss, Place()) is loss
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert fuse_loss(loss, COMPILED) is loss


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own modules, imported by the compiler
def test_fused_loss_and_gradient_are_the_same(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    gradients = []
    for function in (loss, fuse_loss(loss, COMPILED)):
        x = torch.linspace(-3, 3, 64).requires_grad_()
        function(x, torch.arange(64.0)).backward()
        gradients.append(x.grad)
    assert torch.allclose(*gradients, atol=1e-5)
