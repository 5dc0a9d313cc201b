"""Gaussian latents of the papers' VAEs have divergences, densities, and samples at a temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def kl_gaussian(q: tuple[Tensor, Tensor], p: tuple[Tensor, Tensor]) -> Tensor:
    """Return KL(q || p) of two Gaussians, (mean, log sigma) each: elementwise, in nats, of the broadcast shape.

    log(sigma_p / sigma_q) + (sigma_q^2 + (mean_q - mean_p)^2) / (2 sigma_p^2) - 1/2. Against a standard normal p it is
    arXiv:1312.6114, appendix B. Written in log sigma, so that no sigma underflows to a zero that is divided by.
    """
    (mq, lq), (mp, lp) = q, p
    return lp - lq + 0.5 * (torch.exp(2 * (lq - lp)) + ((mq - mp) * torch.exp(-lp)) ** 2 - 1)


@dataclass(frozen=True)
class Gaussian:
    """A `Gaussian` is a tensor of independent normals: mean and log standard deviation, float32 (B, Z, h, w) each."""

    mean: Tensor
    log_sigma: Tensor

    def sample(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Return mean + temperature * sigma * noise: a sample, if the noise is standard normal.

        arXiv:1312.6114, section 2.4. The temperature is a factor of sigma, here and everywhere in hvaecodec; at 0 the
        sample is the mean.
        """
        return self.mean + temperature * self.log_sigma.exp() * noise

    def kl(self, other: Gaussian) -> Tensor:
        """Return KL(self || other), elementwise, in nats; see `kl_gaussian`."""
        return kl_gaussian((self.mean, self.log_sigma), (other.mean, other.log_sigma))

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of z, elementwise, in nats: -(z - mean)^2 / (2 sigma^2) - log(sigma sqrt(2 pi))."""
        standard = (z - self.mean) * torch.exp(-self.log_sigma)
        return -0.5 * (standard**2 + math.log(2 * math.pi)) - self.log_sigma


def sigma_temperature(variance_temperature: float) -> float:
    """Return our temperature, a factor of sigma, for one that scales the variance, as in the DCT-VAE's code.

    Its 0.1 is 0.316 here.
    """
    return math.sqrt(variance_temperature)


def standard_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return standard normal numbers of the shape, type, device and strides of `like`.

    They are drawn on the generator's device, or from the default generator of that of `like`. The strides matter: what
    mixes two memory layouts is slow, and so are the gradients of it.
    """
    device = like.device if generator is None else generator.device
    noise = torch.randn(like.shape, generator=generator, device=device)
    return torch.empty_like(like).copy_(noise)


def summed(values: Tensor) -> Tensor:
    """Sum (B, Z, h, w) over all but the batch, to (B,).

    The gradient of a sum has no strides, and products with it come out in the default ones: another layout than that of
    nets in channels_last, and so a copy at every convolution above. Here it has the strides of `values`.
    """
    if values.requires_grad:
        shape, strides = values.shape, values.stride()
        values.register_hook(lambda grad: grad.new_empty_strided(shape, strides).copy_(grad))
    return values.sum((1, 2, 3))
