"""Likelihoods sum to one, agree with their samples, and have gradients everywhere."""

from __future__ import annotations

import itertools

import pytest
import torch

from hvaecodec.models.likelihoods import Bernoulli, LogisticMixture


def test_bits_sum_to_one():
    parameters = torch.randn(1, 1, 1, 3)
    pictures = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3))).reshape(8, 1, 1, 3)
    total = Bernoulli().log_prob(parameters.expand(8, 1, 1, 3), pictures).exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0))


@pytest.mark.parametrize("spread", [-9.0, -4.0, 0.0, 2.0])
def test_a_mixture_sums_to_one_over_the_values_of_a_sample(spread):
    torch.manual_seed(0)
    likelihood = LogisticMixture(3)
    parameters = torch.randn(1, likelihood.n_parameters(1), 1, 1)
    parameters[:, 2::3] = spread  # weight, mean, log-scale of each mixture
    x = torch.arange(256.0).reshape(256, 1, 1, 1)
    total = likelihood.log_prob(parameters.expand(256, -1, 1, 1), x).double().exp().sum()
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("coupled", [True, False])
def test_every_channel_sums_to_one_given_those_before(coupled):
    torch.manual_seed(1)
    likelihood = LogisticMixture(2, coupled)
    parameters = torch.randn(1, likelihood.n_parameters(3), 1, 1).expand(256, -1, 1, 1)
    for channel in range(3):
        x = torch.tensor([40.0, 200.0, 90.0]).reshape(1, 3, 1, 1).repeat(256, 1, 1, 1)
        x[:, channel, 0, 0] = torch.arange(256.0)
        masses = likelihood.channel_log_probs(parameters, x)[:, :, channel].double().exp().sum(0)
        torch.testing.assert_close(masses, torch.ones_like(masses), atol=1e-4, rtol=0)


def test_sizes_are_the_papers():
    assert LogisticMixture().n_parameters(3) == 100
    assert LogisticMixture(coupled=False).n_parameters(3) == 70


def test_samples_follow_the_probabilities():
    torch.manual_seed(2)
    likelihood = LogisticMixture(2)
    parameters = torch.randn(1, likelihood.n_parameters(3), 1, 1)
    generator = torch.Generator().manual_seed(0)
    x = likelihood.sample(parameters.expand(4000, -1, 1, 1), generator)
    assert x.shape == (4000, 3, 1, 1) and (x == x.round()).all() and x.min() >= 0 and x.max() <= 255
    values = torch.arange(256.0).reshape(256, 1, 1, 1)
    red = torch.cat([values, torch.zeros(256, 2, 1, 1)], 1)
    weights = parameters.reshape(1, 2, -1)[:, :, 0].log_softmax(1)[..., None, None]
    masses = torch.logsumexp(
        weights + likelihood.channel_log_probs(parameters.expand(256, -1, 1, 1), red)[:, :, 0], 1
    ).exp()[:, 0, 0]
    cdf, empirical = masses.cumsum(0), (x[:, 0, 0, 0][None] <= values[:, 0, 0]).float().mean(1)
    assert (cdf - empirical).abs().max() < 0.04  # Kolmogorov-Smirnov, 4000 samples


def test_extreme_parameters_have_finite_gradients():
    likelihood = LogisticMixture(2)
    parameters = (torch.randn(4, likelihood.n_parameters(3), 2, 2) * 50).requires_grad_()
    likelihood.log_prob(parameters, torch.randint(256, (4, 3, 2, 2)).float()).sum().backward()
    assert parameters.grad.isfinite().all()
