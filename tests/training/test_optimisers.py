"""SOAP and Muon on problems small enough to know what should happen."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models import processor
from hvaecodec.training.optimisers import Muon, Soap, orthogonal


def squared_error(optimiser_of, rate: float, steps: int = 200) -> float:
    """What is left of an ill-conditioned least-squares problem in a convolution (32, 64, 1, 1), from about 64."""
    torch.manual_seed(0)
    mixing, wanted = torch.randn(64, 64), torch.randn(32, 64, 1, 1)
    weight = torch.nn.Parameter(torch.zeros(32, 64, 1, 1))
    optimiser = optimiser_of([weight])
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        x = mixing @ torch.randn(64, 256) / 8
        ((weight - wanted)[:, :, 0, 0] @ x).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    return float(((weight - wanted).detach()[:, :, 0, 0] @ mixing).square().mean())


def test_soap_beats_adam_where_directions_are_unlike() -> None:
    soap = squared_error(lambda p: Soap(p, weight_decay=0, every=10, gather=1), 0.2)
    assert soap < 0.4 * squared_error(lambda p: torch.optim.Adam(p), 0.2)


def test_muon_solves_it_too() -> None:
    assert squared_error(lambda p: Muon(p, weight_decay=0), 0.1) < 3


@pytest.mark.parametrize("optimiser", [Soap, Muon])
def test_vectors_and_convolutions_are_trained(optimiser) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 1))
    net.to(memory_format=torch.channels_last)
    x = torch.randn(8, 3, 8, 8)
    chosen = optimiser(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = (net(x) - x[:, :1, 1:-1, 1:-1]).square().mean()
        loss.backward()
        chosen.step()
        chosen.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(("faster", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_coarse_products_are_in_what_the_processor_multiplies_fastest(faster, kind, monkeypatch) -> None:
    """Where bfloat16 is emulated it would take twenty times as long; steps agree to its precision."""
    monkeypatch.setattr(processor, "bfloat16_is_faster", lambda: faster)
    kinds = set()
    product = torch.Tensor.__matmul__

    def matmul(x, y):
        kinds.add(x.dtype)
        return product(x, y)

    weight = torch.nn.Parameter(torch.ones(8, 6))
    chosen = Soap([weight], every=100)
    for step in range(2):
        (weight * torch.arange(48.0).view(8, 6)).square().sum().backward()
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "__matmul__", matmul)
            chosen.step()
            if step:
                orthogonal(weight.detach(), 1)
    assert kinds == {torch.float32, kind}


def test_sides_that_are_too_long_are_not_rotated() -> None:
    weight = torch.nn.Parameter(torch.randn(40, 12, 3, 3))
    chosen = Soap([weight], largest=20)
    for _ in range(2):
        weight.square().sum().backward()
        chosen.step()
    assert "basis1" in chosen.state[weight]
    assert "basis0" not in chosen.state[weight]


def test_orthogonal_factors_have_equal_singular_values() -> None:
    torch.manual_seed(0)
    for shape in ((20, 60), (60, 20)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(*shape), 5))
        assert values.min() > 0.6
        assert values.max() < 1.3
