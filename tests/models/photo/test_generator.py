"""The generator's likelihoods are distributions, its reach is bounded, its two paths agree."""

import math

import pytest
import tiny
import torch

from hvaecodec.models.photo.generator import (
    RADIUS,
    Generator,
    GeneratorConfig,
    kl_gaussian,
    logistic_nll,
)


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


@pytest.mark.parametrize("side", [0, 1])
def test_receptive_field_is_at_most_its_radius(net, side):
    size = 32 * 12
    picture = torch.rand(1, 3, size, size).mul(255).requires_grad_()
    index = torch.tensor([300])
    edge = 32 * 6 + (0 if side == 0 else 31)  # first and last row of a tile
    net(picture, index)[0, :, edge].sum().backward()
    rows = picture.grad[0].abs().sum((0, 2)).nonzero()
    tile = 32 * 6
    assert rows.min() >= tile - RADIUS and rows.max() < tile + 32 + RADIUS
    assert rows.max() - rows.min() > RADIUS


def test_no_latents_means_no_latent_parameters_and_no_kl():
    config = GeneratorConfig(tiny.GENERATOR.scales, encoder=8, latents=False)
    net = Generator(config)
    assert not any("prior" in name or "posterior" in name or "encoder" in name for name, _ in net.named_parameters())
    x = torch.rand(2, 3, 64, 64) * 255
    picture, nll, kls = net.train_step(x, x, torch.tensor([5, 700]), 1)
    assert picture.shape == x.shape and nll.shape == (1,) and kls == []


def test_temperature_zero_path_is_the_same_alone_and_in_a_training_step():
    torch.manual_seed(1)
    net = Generator(tiny.GENERATOR)
    for name, parameter in net.named_parameters():
        if "out_" in name or ".prior." in name:
            torch.nn.init.normal_(parameter, std=0.05)
    x = torch.rand(3, 3, 64, 64) * 255
    dequantised, index = x + torch.randn_like(x), torch.tensor([0, 300, 792])
    with torch.no_grad():
        both, _, kls = net.train_step(x, dequantised, index, 1)
        alone = net(dequantised, index)
    torch.testing.assert_close(both[:2], alone[:2])
    assert (both[2] != alone[2]).any() and all((kl >= 0).all() for kl in kls)
