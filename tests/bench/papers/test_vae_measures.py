"""What is measured of the papers' VAEs, against models whose true values are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch

from hvaecodec.bench.papers.vae_measures.attack import Attack, _ascend, _distance, _look, robustness
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
from hvaecodec.bench.papers.vae_measures.published import accounts
from hvaecodec.bench.papers.vae_measures.samples import (
    information,
    n_layers,
    partial_reconstruction,
    state_norms,
    unconditional,
)
from hvaecodec.bench.papers.vae_measures.units import THRESHOLD, Units, _path, measure_units
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import net


def vae(name: str = "mnist-dct") -> Vdvae:
    torch.manual_seed(0)
    made = Vdvae(net(f"{name}-tiny"))
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return made.eval()


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
    made, x = vae(), drawings()
    elbo = negative_elbo(made, x)
    assert elbo["elbo"].value == pytest.approx(elbo["nll"].value + elbo["kl"].value + elbo["context"].value, rel=1e-5)
    assert sum(elbo["kl_by_latent"]) == pytest.approx(elbo["kl"].value, rel=1e-5)
    assert negative_elbo(made, x)["elbo"] == elbo["elbo"]  # the same draws
    found = weighted_nll(made, x, 20)
    assert found.nll.shape == (12,)
    assert (found.nll < found.elbo).all() and float((found.elbo - found.nll).mean()) > 5
    assert float(found.elbo.mean()) == pytest.approx(elbo["elbo"].value, rel=0.02)
    assert np.mean(elbo["by_picture"]) == pytest.approx(elbo["elbo"].value) and len(elbo["by_picture"]) == 12


def test_active_units_are_those_whose_means_vary_with_the_picture():
    made, x = vae(), drawings(200)
    for layer, factor in zip(made.layers, (0, 20), strict=True):  # the first latent has collapsed
        layer.posterior.last.weight.data *= factor
    units = measure_units(made, x)
    first, rest = np.split(units.activity, [math.prod(made.latent_shapes[0])])
    assert (np.abs(first) < 1e-9).all() and (rest > THRESHOLD).any()
    told = units.summary()
    assert told["context_units"] == 36 and told["active_with_context"] >= told["active"]
    assert told["units"] == len(units.kl) == sum(math.prod(shape) for shape in made.latent_shapes)
    assert told["kl_per_unit"] * told["units"] == pytest.approx(negative_elbo(made, x)["kl"].value, rel=0.05)


def test_noise_of_a_path_is_no_activity():
    """A unit whose mean only follows the sample above it is not active; one path alone would call it so."""
    made, x = vae("mnist-vdvae"), drawings(300)
    for layer in made.layers:
        layer.posterior.last.weight.data *= 20
    for cell in [made.encoder.enter, *(c.last for c in made.encoder.cells)]:
        cell.weight.data.zero_()  # the picture does not arrive
    with torch.no_grad():
        one_path = _path(made, len(x), made.features(x), None, torch.Generator().manual_seed(0))[0].var(0).numpy()
    units = measure_units(made, x)
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
    made = Vdvae(replace(config, context=one)).eval()
    made.leave.weight.data.zero_()
    made.leave.bias.data.fill_(logit)
    kept = scipy.stats.binom.sf(588, 784, 1 / (1 + math.exp(-logit)))
    draws = 4000
    nats = nats_elsewhere(made, torch.ones(3, 1, 28, 28), draws=draws, chunk=512)
    torch.testing.assert_close(nats.double(), torch.full((3,), -math.log(kept)).double(), atol=0.08, rtol=0)
    none = nats_elsewhere(made, torch.zeros(2, 1, 28, 28), draws=draws)
    torch.testing.assert_close(none, torch.full((2,), math.log(2 * draws)))


def test_mass_elsewhere_wants_a_context():
    with pytest.raises(ValueError, match="no context"):
        nats_elsewhere(vae("mnist-vdvae"), drawings(1))


def test_partial_reconstructions_take_the_context_first():
    made, x = vae(), drawings(4)
    assert n_layers(made) == len(made.order) + 1
    only = partial_reconstruction(made, x, 1, temperature=0)
    assert only.shape == x.shape and only.min() >= 0 and only.max() <= 1
    other = x + 0.02 * torch.cos(
        math.pi * 27 * (2 * torch.arange(28) + 1) / 56
    )  # a frequency that is not in the context
    assert torch.equal(made.symbols(x), made.symbols(other))
    assert torch.equal(only, partial_reconstruction(made, other, 1, temperature=0))
    assert not torch.equal(made.symbols(x), made.symbols(1 - x))
    assert not torch.equal(only, partial_reconstruction(made, 1 - x, 1, temperature=0))
    with pytest.raises(ValueError, match=r"1\.\."):
        partial_reconstruction(made, x, 0)
    told = information(made, x)
    assert len(told["ms_ssim32"]) == len(told["psnr_db"]) == n_layers(made)


def test_samples_repeat_and_differ_with_temperature():
    made = vae("cifar10-small-dct")
    one, again, cold = (unconditional(made, 2, t, torch.Generator().manual_seed(3)) for t in (1.0, 1.0, 0.0))
    assert torch.equal(one, again) and not torch.equal(one, cold) and one.shape == (2, 3, 32, 32)


def test_norms_of_the_state():
    made, x = vae("mnist-x1-normalised"), drawings(6, 32)
    told = state_norms(made, x, batches=2)
    assert all(len(rows) == 2 and len(rows[0]) == len(made.order) for rows in told.values())
    free = state_norms(vae("mnist-x1"), x, batches=2)
    assert np.nanmax(free["norm"]) > np.nanmax(told["norm"])


def test_an_attack_stays_in_its_box_and_hurts_more_with_more_room():
    made, x = vae(), drawings(3)
    near, far = (robustness(made, x, 2, Attack(radius, 4, 0.5, 1)) for radius in (0.001, 0.5))
    assert near.shape == (3,) and (near <= 1 + 1e-9).all() and near.mean() > far.mean()
    how = Attack(0.2, 8, 0.25, 1)
    start = (2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 1) * how.radius
    target = _look(made, x, 2)[1]
    moved = _ascend(made, x, start, 2, target, how)
    assert (moved - x).abs().max() <= how.radius + 1e-6 and moved.min() >= 0 and moved.max() <= 1
    before, after = (_distance(_look(made, p, 2)[1], target) for p in ((x + start).clamp(0, 1), moved))
    assert (after > 2 * before).all()
    assert all(p.requires_grad for p in made.parameters())


def test_what_the_released_code_counts_for_a_context_is_too_little():
    """The same contexts under the same noise; the entropy is that of a coin for every integer of a flat picture."""
    made = vae("mnist-dct-published")
    made.context.fit(drawings(40))
    counted = accounts(made, torch.zeros(50, 1, 28, 28))
    assert counted["draw"].value == pytest.approx(36 * math.log(2), rel=1e-5)
    assert counted["published"].value < counted["proper"].value - 5
    assert counted["proper"].value > counted["draw"].value
    again = accounts(made, torch.zeros(50, 1, 28, 28))
    assert again == counted
    with pytest.raises(ValueError, match="released code"):
        accounts(vae("mnist-dct"), drawings(2))
