"""The flow is exact: its inverse is one, its determinant the Jacobian's; convolutions start from data."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from hvaecodec.models.srvae.dense import Conv, Dense, DenseLayer, decoder, encoder, plain, started_by
from hvaecodec.models.srvae.realnvp import RealNVP, _by_diagonals, _from_diagonals


def stirred(net: nn.Module, scale: float = 0.3) -> nn.Module:
    """The net with weights that are far from those it starts with."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.add_(scale * torch.randn_like(parameter) if not name.endswith("gain") else scale)
    return net


@pytest.fixture(scope="module")
def flow() -> RealNVP:
    torch.manual_seed(1)
    return stirred(RealNVP((4, 4, 4), Dense(3, 2)), 0.15).requires_grad_(False)


def test_inverse_is_exact_both_ways(flow):
    z = 2 * torch.randn(5, 4, 4, 4)
    assert torch.allclose(flow.inverse(flow(z)[0]), z.double(), atol=1e-9)
    assert torch.allclose(flow(flow.inverse(z))[0], z.double(), atol=1e-9)
    assert flow.sample(z).dtype == flow.log_prob(z).dtype == torch.float32
    assert float((flow(z)[0] - z).abs().max()) > 0.1  # and it does something
    wild = stirred(copy.deepcopy(flow), 0.5).requires_grad_(False)  # small differences grow by orders of magnitude
    assert torch.allclose(wild.inverse(wild(z)[0]), z.double(), atol=1e-9)


def test_log_determinant_is_the_jacobians(flow):
    flow = copy.deepcopy(flow).double()
    z = torch.randn(1, 4, 4, 4, dtype=torch.float64)
    log_determinant = float(flow(z)[1])
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x[None])[0].flatten(), z[0]).reshape(64, 64)
    assert log_determinant == pytest.approx(float(torch.linalg.slogdet(jacobian).logabsdet), abs=1e-8)
    assert abs(log_determinant) > 0.1


def test_log_prob_is_that_of_the_mapped_noise(flow):
    z = torch.randn(3, 4, 4, 4)
    v, log_determinant = flow(z)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(v).flatten(1).sum(1)
    assert torch.allclose(flow.log_prob(z).double(), normal + log_determinant, atol=1e-3)


def test_every_latent_is_moved_and_every_latent_counts(flow):
    """Two scales and three kinds of masks leave nothing as it was."""
    z = torch.randn(1, 4, 4, 4)
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x[None])[0].flatten(), z[0]).reshape(64, 64)
    off = jacobian - torch.diag(torch.diag(jacobian))
    assert bool((off.abs().sum(0) > 0).all()) and bool((off.abs().sum(1) > 0).all())


def test_blocks_by_diagonals_are_inverse_and_split_like_a_checkerboard():
    x = torch.arange(2 * 16.0).reshape(1, 2, 4, 4)
    half = _by_diagonals(x)[:, :4]
    assert torch.equal(_from_diagonals(_by_diagonals(x)), x)
    rows, columns = torch.arange(4)[:, None], torch.arange(4)
    board = (rows + columns) % 2 == 0
    assert sorted(half.flatten().tolist()) == sorted(x[:, :, board].flatten().tolist())


def test_shapes_that_do_not_split_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        RealNVP((4, 6, 8), Dense(2, 1))


@pytest.mark.parametrize("up", [False, True])
def test_weight_is_normalised_and_starts_from_data(up):
    torch.manual_seed(0)
    conv = Conv(3, 5, 3, up=up)
    x = 7 + 3 * torch.randn(8, 3, 6, 6)
    with started_by(conv), torch.no_grad():
        y = conv(x)
    assert y.mean((0, 2, 3)).abs().max() < 1e-4
    assert torch.allclose(y.std((0, 2, 3)), torch.full((5,), 0.01), rtol=0.02)
    with torch.no_grad():
        again = conv(x)
        conv.v.mul_(10)
        assert torch.allclose(conv(x), again, atol=1e-5)
    assert torch.equal(again, y) and y.shape[-1] == (12 if up else 6)


def test_weight_normalisation_is_torchs():
    torch.manual_seed(0)
    ours, theirs = Conv(3, 5, 3), nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 5, 3, padding=1))
    with torch.no_grad():
        ours.gain.copy_(torch.rand(5) + 0.5)
        theirs.parametrizations.weight.original0.copy_(ours.gain[:, None, None, None])
        theirs.parametrizations.weight.original1.copy_(ours.v)
        theirs.bias.zero_()
        x = torch.randn(2, 3, 4, 4)
        assert torch.allclose(ours(x), theirs(x), atol=1e-5)


def test_dense_layers_keep_what_they_saw_and_nets_change_resolution():
    x = torch.randn(2, 6, 8, 8)
    layer = DenseLayer(6, 4, 3)
    assert layer(x).shape == (2, 18, 8, 8) and layer.outputs == 18
    assert encoder(6, 5, Dense(4, 2), 2)(x).shape == (2, 5, 2, 2)
    assert decoder(6, 5, Dense(8, 2), 2)(x).shape == (2, 5, 32, 32)
    assert plain(6, 5, Dense(4, 2, 3))(x).shape == (2, 5, 8, 8)
    assert math.isclose(float(layer.narrow[0].gain.detach().mean()), 1)
