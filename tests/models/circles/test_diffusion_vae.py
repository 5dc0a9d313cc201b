"""The thesis's models: data with known likelihoods, copies that do not see each other, terms, reductors."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from hvaecodec.models.circles.diffusion_vae import PRESETS, Config, LatentVae, Posterior
from hvaecodec.models.circles.reductors import (
    FitConfig,
    Matrix,
    PairMatrix,
    Rotation,
    Source,
    delta,
    fit,
    of_truth,
    of_vae,
)
from hvaecodec.models.circles.sines import (
    exact_minus_log_p,
    phase_grid,
    phases,
    pixel_shifts,
    shrinking,
    sines,
    torus_sines,
    uneven,
)

QUICK = FitConfig(starts=6, steps=350, samples=48, judged_on=500)


def normal_minus_log_p(x: torch.Tensor, means: torch.Tensor, sigma: float) -> float:
    """-log of the mean over `means` of N(x; mean, sigma²), by brute force."""
    squares = ((x - means) ** 2).sum(-1) / (2 * sigma**2)
    return float(0.5 * len(x) * math.log(2 * math.pi * sigma**2) - torch.logsumexp(-squares, 0) + math.log(len(means)))


def test_phases_drawn_at_random_leave_a_circle_uneven():
    """Δ between a circle where random phases are spread evenly and the true one is as predicted, on average."""
    rng, n_phases, sigma, deltas = torch.Generator().manual_seed(0), 400, 0.1, []
    for _ in range(300):
        true = (2 * math.pi * torch.rand(n_phases, generator=rng, dtype=torch.float64)).sort().values
        learnt = 2 * math.pi * torch.arange(n_phases, dtype=torch.float64) / n_phases
        shift = (true - learnt).mean()
        deltas.append(((sines(true - shift) - sines(learnt)) ** 2).sum(-1).mean() / (2 * sigma**2))
    assert float(torch.stack(deltas).mean()) == pytest.approx(uneven(sigma, n_phases), rel=0.1)


@pytest.mark.parametrize(("sigma", "printed"), [(0.01, -85.37), (0.1, -30.11), (1.0, 25.15)])
def test_exact_likelihood_of_the_sines(sigma, printed):
    assert exact_minus_log_p(sigma) == pytest.approx(printed, abs=0.006)
    means = sines(phases(20_000).double())
    assert exact_minus_log_p(sigma) == pytest.approx(normal_minus_log_p(means[77], means, sigma), abs=1e-5)


def test_exact_likelihood_of_the_torus():
    means = torus_sines(phase_grid(200).double(), 7)
    assert exact_minus_log_p(1.0, 2, 7) == pytest.approx(normal_minus_log_p(means[777], means, 1.0), abs=1e-5)


def test_a_smaller_circle_gains_little_and_only_with_a_wide_decoder():
    assert [shrinking(sigma) for sigma in (0.01, 0.1, 1.0)] == pytest.approx([0, 1e-4, 0.0109], abs=1e-4)
    means = 0.96 * sines(phases(5000).double())
    gained = exact_minus_log_p(1.0) - normal_minus_log_p(means[3] / 0.96, means, 1.0)
    assert 0.009 < gained < shrinking(1.0)


def test_shapes_of_the_data():
    assert sines(phases(100)).shape == (100, 25)
    grid = torus_sines(phase_grid(50)).reshape(2500, 25, 25)
    assert float(grid.std(1).mean()) > 0.1 and float(grid.std(2).mean()) > 0.1  # varies along both sides
    picture = torch.rand(5, 8)
    shifts = pixel_shifts(picture).reshape(8, 5, 8)
    mean = picture.mean(1, keepdim=True)  # of every row: each pixel passes each column once
    assert torch.allclose(shifts[3], torch.cat([picture[:, 3:], picture[:, :3]], 1) - mean, atol=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_terms_are_the_bound(name):
    """-ELBO of one sample is -log p(x given z) - log p(z) + log q(z), whose mean the terms must have."""
    config = replace(PRESETS[name], hidden=(8, 8))
    vae = LatentVae(config, [0.5, 2.0], [0, 1])
    x = torch.randn(2, 3, config.data)
    reconstruction, kl = vae.terms(x, torch.zeros(2, 3, vae.space.noises))
    middle = vae.decode(vae.space.middle(vae.encode(x)))
    expected = torch.distributions.Normal(middle, vae.sigma_x[..., None]).log_prob(x).sum(-1)
    assert torch.allclose(reconstruction, -expected, rtol=1e-4)
    assert kl.shape == (2, 3) and bool((kl > 0).all())


def test_kl_of_the_plane_is_that_of_torch():
    space = LatentVae(PRESETS["R2"], [1.0], [0]).space
    posterior = Posterior(torch.randn(1, 5, 2), torch.randn(1, 5, 2))
    q = torch.distributions.Normal(posterior.centre, torch.exp(0.5 * posterior.spread))
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    assert torch.allclose(space.kl(posterior), expected, atol=1e-5)


def test_copies_do_not_see_each_other():
    both = LatentVae(PRESETS["S1"], [0.1, 1.0], [3, 4])
    alone = LatentVae(PRESETS["S1"], [1.0], [4])
    x, noise = torch.randn(2, 6, 25), torch.randn(2, 6, 1)
    whole = sum(both.terms(x, noise))
    assert torch.allclose(whole[1:], sum(alone.terms(x[1:], noise[1:])), rtol=1e-5)
    whole[0].sum().backward()
    assert all(float(p.grad[1].abs().max()) == 0 for p in both.parameters())
    assert all(float(p.grad[0].abs().max()) > 0 for p in both.parameters())


def test_delta_is_the_divergence_of_normal_distributions():
    first = Source(2, torch.tensor([[0.3], [1.0]]), None, None)
    second = Source(2, torch.tensor([[0.5], [1.0]]), None, None)
    shift = torch.tensor([0.1, 0.2, 0.4])
    values = delta(first, second, (shift**2).sum().expand(2), 3)
    p, q = (torch.distributions.Normal(m, s) for m, s in ((shift, 0.3), (torch.zeros(3), 0.5)))
    assert float(values[0]) == pytest.approx(float(torch.distributions.kl_divergence(p, q).sum()), rel=1e-5)
    assert float(values[1]) == pytest.approx(float((shift**2).sum()) / 2, rel=1e-5)


def rotated(angle: float, sign: float) -> Source:
    """The true generator with its circle turned, and mirrored for sign -1."""
    truth = of_truth(torch.full((1, 1), 0.1))
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, s], [-s * sign, c * sign]])
    return replace(truth, means=lambda z: truth.means(z @ turn.inverse()))


@pytest.mark.parametrize("family", [Rotation, Matrix])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_reductors_find_rotations_and_reflections(family, sign):
    truth, other = of_truth(torch.full((1, 1), 0.1)), rotated(2.0, sign)
    result = fit(truth, other, family, QUICK)
    assert float(delta(truth, other, result.squared_error, 25)) < 0.05
    if family is Rotation:  # the other orientation cannot: half of the starts end far away
        errors = result.start_errors[0]
        assert float(errors[0::2].min() - errors[1::2].min()) * sign < -1


def test_the_identity_has_no_error_and_maps_keep_to_the_torus():
    vae = LatentVae(Config(9, "torus", 2, (4,)), [0.1], [0])
    identity = PairMatrix(1, 1, 4, 4, torch.Generator())
    identity.matrix.data = torch.eye(4)[None, None]
    z = of_vae(vae).draw(50, torch.Generator().manual_seed(0))
    assert torch.allclose(identity(z)[:, 0], z, atol=1e-6)
    points = PairMatrix(1, 3, 4, 4, torch.Generator().manual_seed(1))(z)
    assert torch.allclose(points.unflatten(-1, (2, 2)).norm(dim=-1), torch.tensor(0.5).sqrt())
    with pytest.raises(ValueError, match="plane"):
        Rotation(1, 2, 4, 4, torch.Generator())
