"""The context and its priors: integers that round-trip, probabilities that sum to one, bounds that hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from hvaecodec.models.vdvae.context import ContextConfig, binned_normal, make_context
from hvaecodec.models.vdvae.context_autoregressive import AutoregressiveConfig, AutoregressivePrior, frequency_order
from hvaecodec.models.vdvae.context_diffusion import DiffusionConfig, DiffusionPrior, betas
from hvaecodec.models.vdvae.context_published import PublishedDiffusion, PublishedDiffusionConfig, overlapping_masses
from hvaecodec.models.vdvae.presets import NETS, net

SMALL = ContextConfig("dct", 8, 1, 2, 1)  # 81 contexts in all


def everything(config: ContextConfig) -> torch.Tensor:
    values = range(-config.half, config.half + 1)
    rows = torch.tensor(list(itertools.product(values, repeat=config.n_symbols)), dtype=torch.float32)
    return rows.reshape(-1, config.channels, config.size, config.size)


@pytest.mark.parametrize("kind", ["dct", "downsample"])
def test_a_picture_of_the_context_has_the_same_context(kind):
    torch.manual_seed(0)
    x = torch.rand(16, 3, 8, 8).cumsum(-1) / 8
    context = make_context(ContextConfig(kind, 8, 3, 4, 8, centre=0.5))
    context.fit(x)
    symbols = context.symbols(x)
    assert symbols.shape == (16, 3, 4, 4) and (symbols == symbols.round()).all() and symbols.abs().max() <= 8
    picture = context.expand(symbols / 8)
    assert picture.shape == x.shape
    assert torch.equal(context.symbols(picture), symbols)


def test_the_whole_dct_finely_stepped_is_the_picture():
    x = torch.rand(5, 1, 8, 8)
    context = make_context(ContextConfig("dct", 8, 1, 8, 4000))
    context.fit(x)
    assert (context.picture(context.symbols(x)) - x).abs().max() < 0.01
    assert (context.symbols(torch.zeros(1, 1, 8, 8)) == 0).all()


@pytest.mark.parametrize("half", [1, 2, 16])
def test_binned_normals_sum_to_one(half):
    symbols = torch.arange(-half, half + 1.0, dtype=torch.float64)[:, None, None]
    mean = torch.tensor([-5.0, -1.0, -0.3, 0.0, 0.25, 1.0, 40.0], dtype=torch.float64)[None, :, None]
    log_sigma = torch.tensor([-6.0, -3.0, -1.0, 0.0, 2.0], dtype=torch.float64)
    total = binned_normal(symbols, mean, log_sigma, half).exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-9, rtol=0)


def test_binned_normals_far_out_have_finite_gradients():
    mean = torch.tensor([-300.0, 0.0, 300.0], requires_grad=True)
    log_sigma = torch.tensor([-7.0, -7.0, -7.0], requires_grad=True)
    binned_normal(torch.tensor([2.0, 1.0, -2.0]), mean, log_sigma, 2).sum().backward()
    assert mean.grad.isfinite().all() and log_sigma.grad.isfinite().all()


def test_published_masses_sum_to_up_to_two():
    """Those of a narrow normal at the edge between two bins do; with two bits a standard normal's sum to 1.18."""
    symbols = torch.tensor([-3.0, -1.0, 1.0, 3.0], dtype=torch.float64)[:, None]
    mean = torch.zeros(2, dtype=torch.float64)
    total = overlapping_masses(symbols, mean, torch.tensor([-4.0, 0.0], dtype=torch.float64), 4).exp().sum(0)
    assert total.tolist() == pytest.approx([2, 1.18], abs=0.01)


def test_a_drawn_context_is_the_released_quantiser():
    context = make_context(ContextConfig("dct-drawn", 8, 1, 1, 4))
    values = torch.tensor([-1.0, -0.6, -0.5, -0.3, 0.0, 0.2, 0.4, 1.0])
    flat = values[:, None, None, None].expand(-1, 1, 8, 8) / 8  # whose only coefficient this is
    torch.manual_seed(0)
    values_of_each = [set(row) for row in torch.stack([context.symbols(flat).flatten() for _ in range(200)]).T.tolist()]
    assert values_of_each == [{-5, -3}, {-3, -1}, {-3, -1}, {-1}, {-1, 1}, {1}, {1, 3}, {3, 5}]
    coins = context.entropy(flat) / math.log(2)
    assert coins[[0, 2, 4]].tolist() == pytest.approx([1, 1, 1], abs=1e-3) and float(coins[3]) == 0
    picture = context.picture(torch.full((1, 1, 1, 1), 3.0))
    assert torch.allclose(picture, torch.tensor(0.75 / 8))


@pytest.mark.parametrize("overlapping", [True, False])
def test_the_published_prior_is_of_a_distribution_only_when_asked(overlapping):
    config = ContextConfig("dct-drawn", 8, 1, 2, 4)
    prior = PublishedDiffusion(PublishedDiffusionConfig(3, "linear", 8, 1), config).eval()
    rows = torch.tensor(list(itertools.product(range(-5, 6, 2), repeat=4)), dtype=torch.float32)
    nats = prior.nats if overlapping else prior.proper_nats
    total = float(torch.exp(-_mean_nats(nats, rows.reshape(-1, 1, 2, 2), 20)).sum())
    assert total > 1.2 if overlapping else total < 1
    samples = prior.sample(50, torch.Generator().manual_seed(0))
    assert samples.shape == (50, 1, 2, 2) and set(samples.unique().tolist()) <= {-3, -1, 1, 3}


def _shaken(net: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for parameter in net.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return net.eval()


def test_the_autoregressive_prior_sums_to_one_and_samples_itself():
    prior = _shaken(AutoregressivePrior(AutoregressiveConfig(12, 2, 2), SMALL))
    contexts = everything(SMALL)
    p = torch.exp(-prior.nats(contexts)).detach()
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)
    samples = prior.sample(3000, torch.Generator().manual_seed(0))
    numbers = (samples.flatten(1) + 1) @ torch.tensor([27.0, 9.0, 3.0, 1.0])
    shares = torch.bincount(numbers.long(), minlength=81) / 3000
    assert (shares - p).abs().sum() < 0.2 < (shares - 1 / 81).abs().sum()


@pytest.mark.parametrize("name", [n for n in NETS if isinstance(net(n).context_prior, AutoregressiveConfig)])
def test_every_integer_sees_all_before_it_and_no_other(name):
    config = net(name).context
    prior = AutoregressivePrior(net(name).context_prior, config)
    reach = torch.eye(config.n_symbols)
    for i in range(len(prior.layers)):
        reach = (getattr(prior, f"mask_{i}").float() @ reach).clamp(max=1)
    reach = reach.reshape(config.n_symbols, -1, config.n_symbols)
    assert torch.equal(reach, torch.ones(config.n_symbols, config.n_symbols).tril(-1)[:, None].expand_as(reach))


def test_low_frequencies_come_first():
    order = frequency_order(ContextConfig("dct", 8, 2, 2, 1))
    assert order.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def _mean_nats(nats: Callable[..., torch.Tensor], symbols: torch.Tensor, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return torch.stack([nats(symbols, generator) for _ in range(n)]).mean(0)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_diffusion_bound_is_of_a_distribution(schedule):
    """exp(-bound) sums to at most one over all contexts, for any weights; the published code's does not."""
    prior = _shaken(DiffusionPrior(DiffusionConfig(3, schedule, 8, 1), SMALL))
    assert torch.exp(-_mean_nats(prior.nats, everything(SMALL), 60)).sum() < 1
    prior = DiffusionPrior(DiffusionConfig(3, schedule, 8, 1), SMALL).eval()
    assert torch.exp(-_mean_nats(prior.nats, everything(SMALL), 30)).sum() < 1


def test_one_step_of_diffusion_is_exact_when_nothing_is_left_of_the_context():
    """If y_T is pure noise and the denoiser ignores it, the bound is the binned normal itself: L_T is all the rest."""
    prior = DiffusionPrior(DiffusionConfig(1, "linear", 8, 1), SMALL).eval()
    prior.alpha_bar[1] = 1e-12
    contexts = everything(SMALL)
    masses = torch.exp(-_mean_nats(prior.nats, contexts, 1))
    assert float(masses.sum()) == pytest.approx(1, abs=1e-4)


def test_the_last_step_is_paid_for():
    """Seven linear steps leave 0.43 of y_0 in y_T; the published bound takes that for nothing."""
    prior = DiffusionPrior(DiffusionConfig(7, "linear", 8, 1), SMALL)
    y = everything(SMALL)
    alpha_bar = prior.alpha_bar[-1]
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(alpha_bar.sqrt() * y, (1 - alpha_bar).sqrt()), normal(0, 1))
    torch.testing.assert_close(prior._last(y), expected.flatten(1).sum(1))
    assert prior._last(y).max() > 0.3


def test_drawing_one_step_is_unbiased():
    prior = _shaken(DiffusionPrior(DiffusionConfig(4, "linear", 8, 1), SMALL))
    symbols = everything(SMALL)[:1].expand(400, -1, -1, -1)
    every = _mean_nats(prior.nats, symbols, 4).mean()
    prior.train()
    assert float(_mean_nats(prior.nats, symbols, 8).mean()) == pytest.approx(float(every), rel=0.1)


def test_schedules():
    alpha_bar = torch.cumprod(1 - betas(DiffusionConfig(7)), 0)
    assert float(alpha_bar[-1]) == pytest.approx(0.1825, abs=1e-3)  # what the papers' first schedule leaves of y_0
    beta = betas(DiffusionConfig(40))
    assert float(beta[0]) == pytest.approx(0.025) and float(beta[-1]) == pytest.approx(0.5)
    cosine = betas(DiffusionConfig(40, "cosine"))
    assert (cosine > 0).all() and float(torch.cumprod(1 - cosine, 0)[-1]) < 1e-4


def test_samples_of_diffusion_are_contexts():
    config = replace(SMALL, channels=3)
    prior = _shaken(DiffusionPrior(DiffusionConfig(3, "cosine", 8, 1), config))
    samples = prior.sample(5, torch.Generator().manual_seed(0))
    assert samples.shape == (5, 3, 2, 2) and samples.abs().max() <= 1 and (samples == samples.round()).all()
    assert torch.equal(samples, prior.sample(5, torch.Generator().manual_seed(0)))
