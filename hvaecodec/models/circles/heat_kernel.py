"""The heat kernel of circle and flat torus has a density, a distribution function, samplers and a divergence here.

The kernel solves dp/dt = d²p/dθ² from a point, so it is a normal distribution of variance 2 t wrapped round the circle;
on the flat torus it is a product over the circles. Luis Armando Pérez Rey, "Latent variable separation with variational
autoencoders" (2018), "the thesis" below, prints it in (7.5) without the factor 2 of the series and draws it in (7.10)
with a standard deviation of t; here density and samplers agree.

Angles are in radians, t > 0 broadcasts against them; float32 or float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TURN = 2 * math.pi
_DUAL = 1.0  # the sum over images converges fast below this t, the Fourier series above
_TERMS = 6  # of the Fourier series
_UNWRAPPED = 0.1  # below this t the kernel's entropy is that of the line to 1e-10 nats


def wrap(angle: Tensor) -> Tensor:
    """Return the same angle in [-pi, pi)."""
    return torch.remainder(angle + math.pi, TURN) - math.pi


def embed(angles: Tensor) -> Tensor:
    """Take angles (..., n) to points (..., 2 n) of the unit circle (n = 1) or of the Clifford torus of radius 1.

    The thesis, eqs. (7.3) and (11.6).
    """
    pairs = torch.stack([torch.cos(angles), torch.sin(angles)], -1)
    return pairs.flatten(-2) / math.sqrt(angles.shape[-1])


def angles_of(points: Tensor) -> Tensor:
    """Take points (..., 2 n) to (..., n): the angle of every pair of coordinates, whatever its length."""
    pairs = points.unflatten(-1, (-1, 2))
    return torch.atan2(pairs[..., 1], pairs[..., 0])


def log_density(offset: Tensor, t: Tensor) -> Tensor:
    """Return the log density per radian at `offset` from the kernel's centre.

    It is the theta series, (7.5) of the thesis with its factor 2, in whichever of its two forms is short.
    """
    offset, t = torch.broadcast_tensors(wrap(offset), t)
    return torch.where(t < _DUAL, _log_images(offset, t.clamp(max=_DUAL)), _log_series(offset, t.clamp(min=_DUAL)))


def _log_images(offset: Tensor, t: Tensor) -> Tensor:
    """Return the log of the sum over k of N(offset + 2 pi k; 0, 2 t)."""
    turns = torch.arange(-3, 4, dtype=t.dtype, device=t.device) * TURN
    exponents = -((offset[..., None] + turns) ** 2) / (4 * t[..., None])
    return torch.logsumexp(exponents, -1) - 0.5 * torch.log(4 * math.pi * t)


def _log_series(offset: Tensor, t: Tensor) -> Tensor:
    """Return the log of (1 + 2 sum over m of cos(m offset) exp(-m² t)) / 2 pi."""
    m = torch.arange(1, _TERMS + 1, dtype=t.dtype, device=t.device)
    series = (torch.cos(m * offset[..., None]) * torch.exp(-(m**2) * t[..., None])).sum(-1)
    return torch.log1p(2 * series) - math.log(TURN)


def cdf(offset: Tensor, t: Tensor) -> Tensor:
    """Return the probability of [-pi, offset], offset in [-pi, pi]: the integral of the density's series."""
    offset, t = torch.broadcast_tensors(offset, t)
    small, large = t.clamp(max=_DUAL), t.clamp(min=_DUAL)
    turns = torch.arange(-3, 4, dtype=t.dtype, device=t.device) * TURN
    s = torch.sqrt(2 * small)[..., None]
    images = torch.special.ndtr((offset[..., None] + turns) / s) - torch.special.ndtr((turns - math.pi) / s)
    m = torch.arange(1, _TERMS + 1, dtype=t.dtype, device=t.device)
    waves = torch.sin(m * offset[..., None]) * torch.exp(-(m**2) * large[..., None]) / m
    return torch.where(t < _DUAL, images.sum(-1), (offset + math.pi) / TURN + waves.sum(-1) / math.pi)


def kl_to_uniform(t: Tensor) -> Tensor:
    """Return KL(kernel || uniform) on one circle, in nats, exact; it does not depend on the centre.

    It is log(2 pi) minus the entropy of the wrapped normal distribution, whose series is the expectation of the
    logarithm of Jacobi's triple product (Mardia and Jupp, "Directional statistics", 3.5.7). The thesis's Monte-Carlo
    estimator (7.9) weights samples of the kernel by its density once more and is wrong.
    """
    line = 0.5 * math.log(math.pi) - 0.5 - 0.5 * torch.log(t.clamp(max=_UNWRAPPED))
    return torch.where(t < _UNWRAPPED, line, _kl_wrapped(t.clamp(min=_UNWRAPPED)))


def _kl_wrapped(t: Tensor) -> Tensor:
    """Return the series of `kl_to_uniform`; with q = exp(-2 t) and Euler's product phi it is

    log phi(q) - 2 sum over n of (-1)^n q^((n² + n) / 2) / (n (1 - q^n)).
    """
    k = torch.arange(1, 9, dtype=t.dtype, device=t.device)
    dual = torch.log1p(-torch.exp(-2 * math.pi**2 * k / t[..., None])).sum(-1)  # the product at exp(-2 pi² / t)
    log_phi = 0.5 * torch.log(math.pi / t) + t / 12 - math.pi**2 / (12 * t) + dual
    n = torch.arange(1, 17, dtype=t.dtype, device=t.device)
    sign = 1 - 2 * (n % 2)
    terms = sign * torch.exp(-(n**2 + n) * t[..., None]) / (n * -torch.expm1(-2 * n * t[..., None]))
    return log_phi - 2 * terms.sum(-1)


def sample(centre: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return angles from the kernel, exact and differentiable; noise: standard normal, of the broadcast shape.

    The thesis's (7.10) has t in place of the standard deviation sqrt(2 t).
    """
    return wrap(centre + torch.sqrt(2 * t) * noise)


def random_walk(centre: Tensor, t: Tensor, steps: int = 10, generator: torch.Generator | None = None) -> Tensor:
    """Return angles from a walk in the plane: `steps` normal steps, each projected back to the circle.

    It is the sampler of the thesis's successor (arXiv:1901.08991), which works on any manifold; here with variance 2 t
    / steps a step, so that it tends to the kernel. Its variance is too large by about 2 t / steps of itself.
    """
    centre, t = torch.broadcast_tensors(centre, t)
    point = torch.stack([torch.cos(centre), torch.sin(centre)], -1)
    size = torch.sqrt(2 * t / steps)[..., None]
    for _ in range(steps):
        noise = torch.empty_like(point).normal_(generator=generator)
        point = torch.nn.functional.normalize(point + size * noise, dim=-1)
    return angles_of(point)[..., 0]
