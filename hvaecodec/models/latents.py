"""Gaussian latents of the papers' VAEs: divergence, densities, and samples at a temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def kl_gaussian(q: tuple[Tensor, Tensor], p: tuple[Tensor, Tensor]) -> Tensor:
    """KL(q || p) of Gaussians given as (mean, log sigma), elementwise, in nats."""
    (mq, lq), (mp, lp) = q, p
    return lp - lq + 0.5 * (torch.exp(2 * (lq - lp)) + ((mq - mp) * torch.exp(-lp)) ** 2 - 1)


@dataclass(frozen=True)
class Gaussian:
    """Independent normals: mean and log standard deviation, float32, (B, Z, h, w) each."""

    mean: Tensor
    log_sigma: Tensor

    def sample(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """noise: standard normal. temperature is a factor of sigma, here and everywhere in hvaecodec."""
        return self.mean + temperature * self.log_sigma.exp() * noise

    def kl(self, other: Gaussian) -> Tensor:
        """KL(self || other), elementwise, nats."""
        return kl_gaussian((self.mean, self.log_sigma), (other.mean, other.log_sigma))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density, elementwise, nats."""
        standard = (z - self.mean) * torch.exp(-self.log_sigma)
        return -0.5 * (standard**2 + math.log(2 * math.pi)) - self.log_sigma


def sigma_temperature(variance_temperature: float) -> float:
    """Our temperature for one that scales the variance, as in the DCT-VAE's code (0.1 there is 0.316 here)."""
    return math.sqrt(variance_temperature)


def standard_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal numbers, drawn where the generator is (or where `like` is, from the default one).

    In the strides of `like`: what mixes two layouts is slow, and so are the gradients of it.
    """
    device = like.device if generator is None else generator.device
    noise = torch.randn(like.shape, generator=generator, device=device)
    return torch.empty_like(like).copy_(noise)


def summed(values: Tensor) -> Tensor:
    """(B,) sums of (B, Z, h, w).

    The gradient of a sum has no strides, and products with it come out in the default ones: another layout than that of
    nets in channels_last, and so a copy at every convolution above. Here it has the strides of `values`.
    """
    if values.requires_grad:
        shape, strides = values.shape, values.stride()
        values.register_hook(lambda grad: grad.new_empty_strided(shape, strides).copy_(grad))
    return values.sum((1, 2, 3))
