"""The trainable prior with roundings takes the values of the exact one, operation by operation."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_trainable import PriorNet

UNIT = 32


@pytest.fixture(scope="module")
def arithmetics() -> tuple[PriorNet, ExactArithmetic]:
    torch.manual_seed(0)
    net = PriorNet(PriorConfig(coarse=8, fine=8, luma_blocks=1, chroma_blocks=1, dc_hidden=8))
    net.rounding = True
    return net, ExactArithmetic(export_integers(net), net.config)


def test_activations_are_clamped_alike(arithmetics):
    net, exact = arithmetics
    x = torch.arange(-400.0, 400.0).view(1, 1, 20, 40)
    assert torch.equal(net.relu(x / UNIT) * UNIT, exact.relu(x))
    assert exact.relu(x).unique().tolist() == list(range(256))


def test_features_of_symbols_are_alike(arithmetics):
    net, exact = arithmetics
    symbols = torch.tensor([-5000.0, -40, -1, 0, 1, 2, 3, 700, 4095]).view(1, 1, 3, 3)
    assert torch.equal(net.features(symbols) * UNIT, exact.features(symbols))


def test_convolutions_are_alike_up_to_ties(arithmetics):
    """Floats round a half to the even neighbour, the integers up: by no more, and seldom, may they differ."""
    net, exact = arithmetics
    name = next(name for name in sorted(exact.names) if name.endswith("block0.conv"))
    x = torch.randint(0, 256, (1, 8, 6, 7), generator=torch.Generator().manual_seed(1)).float()
    with torch.no_grad():
        apart = (net.conv(name, x / UNIT) * UNIT - exact.conv(name, x)).abs()
    assert apart.max() <= 1 and apart.mean() < 0.1
