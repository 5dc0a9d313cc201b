"""The generator of these data is known: sines with a phase, their sum on a torus, a picture shifted round.

They are the benchmark of Pérez Rey's thesis (2018), eqs. (5.1), (11.1) and (10.1). For the sines the exact -log p of a
noiseless point under the true generator is known too, which no bound may fall below by more than `shrinking` says.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SIZE = 25  # samples of a sine, and of each side of the torus's pictures


def sines(phase: Tensor, size: int = SIZE) -> Tensor:
    """Take phases (...) in radians to sines (..., size): sin(2 pi j / size + phase), j = 1..size, eq. (5.1)."""
    j = torch.arange(1, size + 1, dtype=phase.dtype, device=phase.device)
    return torch.sin(2 * math.pi * j / size + phase[..., None])


def torus_sines(phases: Tensor, size: int = SIZE) -> Tensor:
    """Take pairs of phases (..., 2) to pictures (..., size²): sin(2 pi i / size + first) + sin(4 pi j / size + second).

    Eq. (11.1) has i in both terms, so that a picture would be constant along j; the second index is ours.
    """
    j = torch.arange(1, size + 1, dtype=phases.dtype, device=phases.device)
    rows = torch.sin(2 * math.pi * j / size + phases[..., :1])
    columns = torch.sin(4 * math.pi * j / size + phases[..., 1:])
    return (rows[..., :, None] + columns[..., None, :]).flatten(-2)


def pixel_shifts(picture: Tensor) -> Tensor:
    """Take a picture (H, W) to all its shifts (W, H W), less their mean: by 0..W-1 pixels to the left, eq. (10.1).

    Sines have no mean either. With a mean, encoders begin with all pictures on one side of their plane, and stay there.
    """
    shifted = torch.stack([picture.roll(-shift, 1).flatten() for shift in range(picture.shape[1])])
    return shifted - shifted.mean(0)


def phases(count: int) -> Tensor:
    """Return `count` phases in equal steps from -pi, (count,) radians: eq. (5.4)."""
    return -math.pi + 2 * math.pi * torch.arange(count) / count


def phase_grid(count: int) -> Tensor:
    """Return all pairs of `phases`, (count², 2).

    Eq. (11.3) divides the second one by 100 and would cover half the circle.
    """
    return torch.cartesian_prod(phases(count), phases(count))


def exact_minus_log_p(sigma_x: float, circles: int = 1, size: int = SIZE) -> float:
    """Return -log p of a noiseless point, in nats, under the true means, decoder deviation sigma_x and uniform phases.

    The derivation is ours. |F(a) - F(b)|² = D (1 - cos(a - b)), with D samples, for every circle; so the integral over
    the phase is a Bessel function: D/2 log(2 pi sigma²) - circles log(exp(-k) I0(k)), k = D / (2 sigma²).
    """
    n = size**circles
    return 0.5 * n * math.log(2 * math.pi * sigma_x**2) - circles * _log_i0e(0.5 * n / sigma_x**2)


def shrinking(sigma_x: float, circles: int = 1, size: int = SIZE) -> float:
    """Return the nats that the best decoder gains on noiseless points over the true one; the derivation is ours.

    Its circles have a smaller radius, since what it explains has no noise. Only sigma_x = 1 gives anything to speak of.
    """
    n = size**circles
    k = 0.5 * n / sigma_x**2
    radius = torch.linspace(0.8, 1, 20001, dtype=torch.float64)
    nats = 0.5 * k * (1 - radius) ** 2 - torch.log(torch.special.i0e(k * radius))
    return circles * float(-_log_i0e(k) - nats.min())


def uneven(sigma_x: float, n_phases: int, size: int = SIZE) -> float:
    """Return the nats by which a circle that spreads random phases evenly misses the true one, after the best rotation.

    That is what the bound's prior asks for. Such a circle puts a phase where the empirical distribution has it; the
    square of the difference is (2 pi)² / 12 N on average (Watson's statistic), and |F(a) - F(b)|² D / 2 of it.
    """
    return size * math.pi**2 / (12 * n_phases * sigma_x**2)


def _log_i0e(k: float) -> float:
    """Return log(exp(-k) I0(k)), I0 the modified Bessel function."""
    return float(torch.log(torch.special.i0e(torch.tensor(k, dtype=torch.float64))))
