"""The measures of the papers' VAEs, against models whose true values are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch

from hvaecodec.bench.papers.vae_measures.attack import Attack, ascend, observe_top, robustness, top_distance
from hvaecodec.bench.papers.vae_measures.bounds import (
    Mean,
    bits_per_dim,
    importance_nll,
    log_mean_exp,
    negative_elbo,
    published_nll,
    weighted_nll,
)
from hvaecodec.bench.papers.vae_measures.elsewhere import nats_elsewhere
from hvaecodec.bench.papers.vae_measures.published import context_accounts
from hvaecodec.bench.papers.vae_measures.samples import (
    information,
    n_layers,
    partial_reconstruction,
    sample_pictures,
    state_norms,
)
from hvaecodec.bench.papers.vae_measures.units import THRESHOLD, Units, measure_units, posterior_path
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import net


def vae(name: str = "mnist-dct") -> Vdvae:
    torch.manual_seed(0)
    vae_net = Vdvae(net(f"{name}-tiny"))
    for parameter in vae_net.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return vae_net.eval()


def drawings(n: int = 12, side: int = 28) -> torch.Tensor:
    torch.manual_seed(1)
    smooth = torch.nn.functional.interpolate(torch.rand(n, 1, 4, 4), size=(side, side), mode="bilinear")
    return (smooth > 0.55).float()


@pytest.mark.parametrize("posterior", ["exact", "wide"])
def test_the_published_nll_is_too_good_and_ours_is_not(posterior):
    """30 units x = z + noise, both normal: log p(x) is known. Under the exact posterior every one of our weights is
    p(x), while the published estimator is several nats below -log p(x)."""
    torch.manual_seed(0)
    k, b, units = 1000, 40, 30
    x = torch.randn(b, units) * math.sqrt(2)
    true = -torch.distributions.Normal(0, math.sqrt(2)).log_prob(x).sum(1)
    sigma = math.sqrt(0.5) * (1.0 if posterior == "exact" else 1.1)
    q = Gaussian(x / 2, torch.full_like(x, math.log(sigma)))
    p = Gaussian(torch.zeros_like(x), torch.zeros_like(x))
    z = torch.stack([q.sample(torch.randn_like(x)) for _ in range(k)])
    log_px = Gaussian(z, torch.zeros_like(z)).log_prob(x).sum(-1)
    ours = importance_nll(log_px, p.log_prob(z).sum(-1), q.log_prob(z).sum(-1))
    published = published_nll(log_px, q.kl(p).sum(-1).expand(k, b))
    if posterior == "exact":
        torch.testing.assert_close(ours, true, atol=1e-3, rtol=0)
    assert float((ours - true).mean()) > -0.05
    assert 2 < float((true - published).mean()) < 8


def test_means_of_exponentials():
    assert float(log_mean_exp(torch.tensor([0.0, math.log(3.0)]))) == pytest.approx(math.log(2))
    assert bits_per_dim(784 * math.log(2), 784) == pytest.approx(1)
    mean = Mean.of(torch.tensor([1.0, 3.0]))
    assert mean.value == 2 and mean.error == pytest.approx(1)


def test_importance_weighting_tightens_the_bound():
    vae_net, x = vae(), drawings()
    elbo = negative_elbo(vae_net, x)
    assert elbo["elbo"].value == pytest.approx(elbo["nll"].value + elbo["kl"].value + elbo["context"].value, rel=1e-5)
    assert sum(elbo["kl_by_latent"]) == pytest.approx(elbo["kl"].value, rel=1e-5)
    assert negative_elbo(vae_net, x)["elbo"] == elbo["elbo"]  # the same draws
    weighted = weighted_nll(vae_net, x, 20)
    assert weighted.nll.shape == (12,)
    assert (weighted.nll < weighted.elbo).all() and float((weighted.elbo - weighted.nll).mean()) > 5
    assert float(weighted.elbo.mean()) == pytest.approx(elbo["elbo"].value, rel=0.02)
    assert np.mean(elbo["by_picture"]) == pytest.approx(elbo["elbo"].value) and len(elbo["by_picture"]) == 12


def test_active_units_are_those_whose_means_vary_with_the_picture():
    vae_net, x = vae(), drawings(200)
    for layer, factor in zip(vae_net.layers, (0, 20), strict=True):  # the first latent has collapsed
        layer.posterior.last.weight.data *= factor
    units = measure_units(vae_net, x)
    first, rest = np.split(units.activity, [math.prod(vae_net.latent_shapes[0])])
    assert (np.abs(first) < 1e-9).all() and (rest > THRESHOLD).any()
    summary = units.summary()
    assert summary["context_units"] == 36 and summary["active_with_context"] >= summary["active"]
    assert summary["units"] == len(units.kl) == sum(math.prod(shape) for shape in vae_net.latent_shapes)
    assert summary["kl_per_unit"] * summary["units"] == pytest.approx(negative_elbo(vae_net, x)["kl"].value, rel=0.05)


def test_noise_of_a_path_is_no_activity():
    """A unit whose mean only follows the sample above it is not active; one path alone would call it so."""
    vae_net, x = vae("mnist-vdvae"), drawings(300)
    for layer in vae_net.layers:
        layer.posterior.last.weight.data *= 20
    for cell in [vae_net.encoder.enter, *(c.last for c in vae_net.encoder.cells)]:
        cell.weight.data.zero_()  # the picture does not arrive
    with torch.no_grad():
        rng = torch.Generator().manual_seed(0)
        one_path = posterior_path(vae_net, len(x), vae_net.features(x), None, rng)[0].var(0).numpy()
    units = measure_units(vae_net, x)
    assert one_path.max() > THRESHOLD
    assert np.abs(units.activity).max() < 0.4 * one_path.max() and len(units.context_activity) == 0


def test_the_distribution_of_kl():
    units = Units(np.array([0.0, 0.0, 0.5, 2.0]), np.zeros(4), np.zeros(0))
    assert units.cdf(np.array([-1, 0, 0.5, 1, 3])).tolist() == [0, 0.5, 0.75, 0.75, 1]


@pytest.mark.parametrize("logit", [math.log(3), 50.0])
def test_mass_on_pictures_of_another_context_by_hand(logit):
    """One integer of a 28 x 28 picture, 1 where more than three quarters are ink, under independent bits."""
    config = net("mnist-downsample-tiny")
    one = replace(config.context, size=1, half=1)
    torch.manual_seed(0)
    vae_net = Vdvae(replace(config, context=one)).eval()
    vae_net.leave.weight.data.zero_()
    vae_net.leave.bias.data.fill_(logit)
    part = scipy.stats.binom.sf(588, 784, 1 / (1 + math.exp(-logit)))
    draws = 4000
    nats = nats_elsewhere(vae_net, torch.ones(3, 1, 28, 28), draws=draws, batch=512)
    torch.testing.assert_close(nats.double(), torch.full((3,), -math.log(part)).double(), atol=0.08, rtol=0)
    none = nats_elsewhere(vae_net, torch.zeros(2, 1, 28, 28), draws=draws)
    torch.testing.assert_close(none, torch.full((2,), math.log(2 * draws)))


def test_mass_elsewhere_wants_a_context():
    with pytest.raises(ValueError, match="no context"):
        nats_elsewhere(vae("mnist-vdvae"), drawings(1))


def test_partial_reconstructions_take_the_context_first():
    vae_net, x = vae(), drawings(4)
    assert n_layers(vae_net) == len(vae_net.order) + 1
    only = partial_reconstruction(vae_net, x, 1, temperature=0)
    assert only.shape == x.shape and only.min() >= 0 and only.max() <= 1
    other = x + 0.02 * torch.cos(
        math.pi * 27 * (2 * torch.arange(28) + 1) / 56
    )  # a frequency that is not in the context
    assert torch.equal(vae_net.symbols(x), vae_net.symbols(other))
    assert torch.equal(only, partial_reconstruction(vae_net, other, 1, temperature=0))
    assert not torch.equal(vae_net.symbols(x), vae_net.symbols(1 - x))
    assert not torch.equal(only, partial_reconstruction(vae_net, 1 - x, 1, temperature=0))
    with pytest.raises(ValueError, match=r"1\.\."):
        partial_reconstruction(vae_net, x, 0)
    curves = information(vae_net, x)
    assert len(curves["ms_ssim32"]) == len(curves["psnr_db"]) == n_layers(vae_net)


def test_samples_repeat_and_differ_with_temperature():
    vae_net = vae("cifar10-small-dct")
    one, again, cold = (sample_pictures(vae_net, 2, t, torch.Generator().manual_seed(3)) for t in (1.0, 1.0, 0.0))
    assert torch.equal(one, again) and not torch.equal(one, cold) and one.shape == (2, 3, 32, 32)


def test_norms_of_the_state():
    vae_net, x = vae("mnist-x1-normalised"), drawings(6, 32)
    norms = state_norms(vae_net, x, batches=2)
    assert all(len(rows) == 2 and len(rows[0]) == len(vae_net.order) for rows in norms.values())
    free = state_norms(vae("mnist-x1"), x, batches=2)
    assert np.nanmax(free["norm"]) > np.nanmax(norms["norm"])


def test_an_attack_stays_in_its_box_and_hurts_more_with_more_room():
    vae_net, x = vae(), drawings(3)
    near, far = (robustness(vae_net, x, 2, Attack(radius, 4, 0.5, 1)) for radius in (0.001, 0.5))
    assert near.shape == (3,) and (near <= 1 + 1e-9).all() and near.mean() > far.mean()
    attack = Attack(0.2, 8, 0.25, 1)
    start = (2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 1) * attack.radius
    target = observe_top(vae_net, x, 2)[1]

    def distance(pictures: torch.Tensor) -> torch.Tensor:
        return top_distance(observe_top(vae_net, pictures, 2)[1], target)

    moved = ascend(distance, x, start, attack)
    assert (moved - x).abs().max() <= attack.radius + 1e-6 and moved.min() >= 0 and moved.max() <= 1
    before, after = (distance(pictures) for pictures in ((x + start).clamp(0, 1), moved))
    assert (after > 2 * before).all()
    assert all(p.requires_grad for p in vae_net.parameters())


def test_what_the_released_code_counts_for_a_context_is_too_little():
    """The same contexts under the same noise; the entropy is that of a coin for every integer of a flat picture."""
    vae_net = vae("mnist-dct-published")
    vae_net.context.fit(drawings(40))
    accounts = context_accounts(vae_net, torch.zeros(50, 1, 28, 28))
    assert accounts["draw"].value == pytest.approx(36 * math.log(2), rel=1e-5)
    assert accounts["published"].value < accounts["proper"].value - 5
    assert accounts["proper"].value > accounts["draw"].value
    again = context_accounts(vae_net, torch.zeros(50, 1, 28, 28))
    assert again == accounts
    with pytest.raises(ValueError, match="released code"):
        context_accounts(vae("mnist-dct"), drawings(2))
