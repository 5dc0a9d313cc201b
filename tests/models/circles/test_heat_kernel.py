"""The heat kernel: a density, of variance 2 t, that both samplers follow; its divergence against quadrature."""

from __future__ import annotations

import math

import pytest
import torch

from hvaecodec.models.circles import heat_kernel

TIMES = [1e-3, 0.03, 0.0999, 0.1001, 0.3, 0.999, 1.001, 3.0]
N = 20_000
CRITICAL = 1.63 / math.sqrt(N)  # Kolmogorov–Smirnov, 1 %


def circle(count: int) -> torch.Tensor:
    return -math.pi + 2 * math.pi * torch.arange(count, dtype=torch.float64) / count


def ks_distance(angles: torch.Tensor, t: float) -> float:
    """Return the largest distance of a sample from the distribution function of a kernel centred at 0."""
    probabilities = heat_kernel.cdf(
        heat_kernel.wrap(angles).double().sort().values, torch.tensor(t, dtype=torch.float64)
    )
    steps = torch.arange(len(probabilities) + 1, dtype=torch.float64) / len(probabilities)
    return float(torch.maximum(probabilities - steps[:-1], steps[1:] - probabilities).max())


@pytest.mark.parametrize("t", TIMES)
def test_density_integrates_to_one_and_to_its_distribution_function(t):
    grid = circle(20_000)
    p = heat_kernel.log_density(grid, torch.tensor(t, dtype=torch.float64)).exp()
    step = 2 * math.pi / len(grid)
    assert float(p.sum() * step) == pytest.approx(1, abs=1e-9)
    middle = torch.cumsum(p, 0) * step - 0.5 * p * step  # trapezoid from -pi, up to half the first point
    assert torch.allclose(heat_kernel.cdf(grid, torch.tensor(t, dtype=torch.float64)), middle, atol=2e-4)


@pytest.mark.parametrize("t", TIMES)
def test_divergence_is_the_integral(t):
    grid, time = circle(20_000), torch.tensor(t, dtype=torch.float64)
    log_p = heat_kernel.log_density(grid, time)
    integral = float((log_p.exp() * (log_p + math.log(2 * math.pi))).nan_to_num().sum() * 2 * math.pi / len(grid))
    assert float(heat_kernel.kl_to_uniform(time)) == pytest.approx(integral, abs=1e-8)
    assert float(heat_kernel.kl_to_uniform(time.float())) == pytest.approx(integral, abs=2e-6)


def test_divergence_is_the_mean_of_the_log_ratio_of_samples():
    t = torch.tensor([0.01, 0.2, 1.5])
    angles = heat_kernel.sample(torch.tensor(2.0), t, torch.randn(N, 3, generator=torch.Generator().manual_seed(0)))
    ratio = heat_kernel.log_density(angles - 2.0, t) + math.log(2 * math.pi)
    assert torch.allclose(ratio.mean(0), heat_kernel.kl_to_uniform(t), atol=0.02)


def test_gradients_are_finite_on_both_sides_of_every_branch():
    t = torch.tensor([1e-6, 0.0999, 0.1001, 0.999, 1.001, 3.9], requires_grad=True)
    (heat_kernel.kl_to_uniform(t) + heat_kernel.log_density(torch.tensor(0.3), t)).sum().backward()
    assert t.grad.isfinite().all()
    small = torch.tensor([1e-4], requires_grad=True)
    heat_kernel.kl_to_uniform(small).backward()
    assert float(small.grad) == pytest.approx(-0.5e4, rel=1e-4)  # d/dt of -log(t) / 2


@pytest.mark.parametrize("t", [1e-3, 0.01, 0.1, 0.4, 1.0])
def test_both_samplers_follow_the_density(t):
    rng = torch.Generator().manual_seed(1)
    exact = heat_kernel.sample(torch.tensor(3.0), torch.tensor(t), torch.randn(N, generator=rng))
    assert ks_distance(exact - 3.0, t) < CRITICAL
    walked = heat_kernel.random_walk(torch.full((N,), 3.0), torch.tensor(t), 100, rng)
    assert ks_distance(walked - 3.0, t) < CRITICAL


def test_a_deviation_of_t_as_printed_is_told_from_the_kernel():
    t = 0.1
    printed = t * torch.randn(N, generator=torch.Generator().manual_seed(2))  # eq. (7.10)
    assert ks_distance(printed, t) > 10 * CRITICAL


@pytest.mark.parametrize("t", [1e-3, 0.02])
def test_samplers_have_variance_two_t(t):
    rng = torch.Generator().manual_seed(3)
    exact = heat_kernel.sample(torch.zeros(N), torch.tensor(t), torch.randn(N, generator=rng))
    walked = heat_kernel.random_walk(torch.zeros(N), torch.tensor(t), 20, rng)
    assert float(exact.var()) == pytest.approx(2 * t, rel=0.05)
    assert float(walked.var()) == pytest.approx(2 * t, rel=0.05)


def test_points_and_angles_are_inverse_and_tori_have_radius_one():
    angles = torch.tensor([[0.3, -2.0], [3.1, 0.0]])
    points = heat_kernel.embed(angles)
    assert torch.allclose(heat_kernel.angles_of(points), angles, atol=1e-6)
    assert torch.allclose(points.norm(dim=-1), torch.ones(2))
    assert heat_kernel.embed(angles[:, :1]).norm(dim=-1).tolist() == pytest.approx([1, 1])
