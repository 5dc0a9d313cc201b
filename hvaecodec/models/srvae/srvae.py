"""This module has the super-resolution VAE, and the single-level VAE that it is compared with.

Gatopoulos, Stol, Tomczak, arXiv:2006.05218: y, the picture at half its side, is a variable of its own between the
latents u and z: p(u) p(y given u) p(z given y, u) p(x given y, z), with q(u given y) q(z given x) and y known from x
(sections 3.1 and 3.2). Both have RealNVP as prior of the top latent. Pictures are float (B, 3, H, W) with whole numbers
0..255, H = W = 32 in the paper; nets see them in [0, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from hvaecodec.models.latents import Gaussian
from hvaecodec.models.likelihoods import LogisticMixture
from hvaecodec.models.srvae.config import SrVaeConfig, VaeConfig
from hvaecodec.models.srvae.dense import decoder, encoder, plain
from hvaecodec.models.srvae.realnvp import RealNVP

LOG_VARIANCE = 7.0  # log variances stay within ± this
LIKELIHOOD = LogisticMixture(10, coupled=True)  # takes 100 numbers a pixel


def downscaled(x: Tensor) -> Tensor:
    """Return y of pictures x (B, 3, H, W): them at half their side, whole numbers 0..255 again.

    It is Pillow's bilinear filter, as in the released code: integer arithmetic, equal everywhere.
    """
    pixels = x.detach().to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    size = (x.shape[3] // 2, x.shape[2] // 2)
    small = [np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)) for picture in pixels]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).to(x.device, x.dtype)


def _normal(output: Tensor) -> Gaussian:
    """Return the normal whose mean and log variance a net gave, (B, 2 C, h, w)."""
    mean, log_variance = output.float().chunk(2, 1)
    return Gaussian(mean, 0.5 * log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE))


def _density(normal: Gaussian, z: Tensor) -> Tensor:
    """Return the log density of all of z, (B,) nats."""
    return normal.log_prob(z).flatten(1).sum(1)


class _Pictures(nn.Module, ABC):
    """Both models draw noise for their latents and sum up the terms of their bound alike."""

    config: Any

    def noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return normal noise for latents, (count, C, h, w), drawn on the generator's device, on the model's."""
        side = self.config.side // 4
        device = generator.device if generator is not None else None
        noise = torch.randn(count, self.config.latent, side, side, generator=generator, device=device)
        return noise.to(next(self.parameters()).device)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return the parts of -ELBO by name, (B,) nats each, for one sample of the latents.

        x: (B, 3, H, W), whole numbers 0..255.
        """
        return self.bound(*self.bound_inputs(x, generator))

    @abstractmethod
    def bound_inputs(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        """Return the arguments of `bound` for pictures x."""

    @abstractmethod
    def bound(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return `terms` as a function of tensors alone, which a compiler can take whole."""


class SingleVae(_Pictures):
    """The single-level VAE has x from z, with a RealNVP prior; section 2 of the paper, eq. (3)."""

    def __init__(self, config: VaeConfig) -> None:
        """Make a model with random weights."""
        super().__init__()
        self.config = config
        side, latent = config.side // 4, config.latent
        self.q_z = encoder(3, 2 * latent, config.encode, 2)
        self.p_x = decoder(latent, LIKELIHOOD.n_parameters(3), config.decode, 2)
        self.p_z = RealNVP((latent, side, side), config.flow)

    def bound_inputs(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return the arguments of `bound`: x, and noise for z."""
        return x, self.noise(len(x), generator)

    def bound(self, x: Tensor, noise: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """Return re_x = -log p(x given z) and kl_z, (B,) nats each, for the sample of z that the noise makes."""
        q_z = self.posterior(x)
        return self.terms_at(x, q_z.sample(noise), q_z)

    def terms_at(self, x: Tensor, z: Tensor, q_z: Gaussian) -> dict[str, Tensor]:
        """Return `terms` at this z, drawn from q_z."""
        return {
            "re_x": -LIKELIHOOD.log_prob(self.p_x(z), x),
            "kl_z": _density(q_z, z) - self.p_z.log_prob(z),
        }

    def posterior(self, x: Tensor) -> Gaussian:
        """Return q(z given x), (B, C, h, w)."""
        return _normal(self.q_z(x / 255))

    @torch.no_grad()
    def generate(self, count: int, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """Return new pictures, (count, 3, H, W). temperature: factor of the noise that becomes z."""
        return self.render(self.p_z.sample(temperature * self.noise(count, generator)))

    @torch.no_grad()
    def reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the pictures (B, 3, H, W) of a sample of q(z given x)."""
        return self.render(self.posterior(x).sample(self.noise(len(x), generator)))

    @torch.no_grad()
    def interpolate(self, first: Tensor, second: Tensor, count: int) -> Tensor:
        """Return pictures on the straight line between the posteriors' means, (B, count, 3, H, W)."""
        ends = [self.posterior(x).mean for x in (first, second)]
        return torch.stack([self.render(torch.lerp(*ends, w)) for w in torch.linspace(0, 1, count).tolist()], 1)

    def render(self, z: Tensor) -> Tensor:
        """Return the pictures of z as the paper shows them: the mean of the likeliest mixture, rounded."""
        return LIKELIHOOD.likeliest(self.p_x(z)).round()


class SrVae(_Pictures):
    """The srVAE is the two-level model of the paper's section 3.3."""

    def __init__(self, config: SrVaeConfig) -> None:
        """Make a model with random weights."""
        super().__init__()
        self.config = config
        side, latent, numbers = config.side // 4, config.latent, LIKELIHOOD.n_parameters(3)
        self.q_u = encoder(3, 2 * latent, config.encode_u, 1)
        self.p_u = RealNVP((latent, side, side), config.flow)
        self.p_y = decoder(latent, numbers, config.decode_y, 1)
        self.q_z = encoder(3, 2 * latent, config.encode_z, 2)
        self.p_z_y = encoder(3, latent, config.z_prior_y, 1)
        self.p_z_u = plain(latent, latent, config.z_prior_u)
        self.p_z = plain(2 * latent, 2 * latent, config.z_prior)
        self.p_x_z = decoder(latent, numbers, config.x_z, 2)
        self.p_x = plain(numbers + 3, numbers, config.x)

    def bound_inputs(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the arguments of `bound`: x, its y, and noise for u and z."""
        return x, downscaled(x), self.noise(len(x), generator), self.noise(len(x), generator)

    def bound(  # type: ignore[override]
        self, x: Tensor, y: Tensor, noise_u: Tensor, noise_z: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms of the paper's "final ELBO", eq. (5) with y known (section 3.2), for one sample of u and z.

        They are re_x = -log p(x given y, z), re_y = -log p(y given u), kl_z and kl_u, (B,) nats each. The paper's u for
        p(z given y, u) comes from q(u given y); so does ours.
        """
        q_u, q_z = self.posterior_u(y), self.posterior_z(x)
        return self.terms_at(x, y, q_u.sample(noise_u), q_z.sample(noise_z), q_u=q_u, q_z=q_z)

    def terms_at(
        self, x: Tensor, y: Tensor, u: Tensor, z: Tensor, *, q_u: Gaussian, q_z: Gaussian
    ) -> dict[str, Tensor]:
        """Return `terms` at this u and z, drawn from q_u and q_z."""
        return {
            "re_x": -LIKELIHOOD.log_prob(self.x_parameters(y, z), x),
            "re_y": -LIKELIHOOD.log_prob(self.p_y(u), y),
            "kl_z": _density(q_z, z) - _density(self.prior_z(y, u), z),
            "kl_u": _density(q_u, u) - self.p_u.log_prob(u),
        }

    def posterior_u(self, y: Tensor) -> Gaussian:
        """Return q(u given y), (B, C, h, w)."""
        return _normal(self.q_u(y / 255))

    def posterior_z(self, x: Tensor) -> Gaussian:
        """Return q(z given x), (B, C, h, w)."""
        return _normal(self.q_z(x / 255))

    def prior_z(self, y: Tensor, u: Tensor) -> Gaussian:
        """Return p(z given y, u), (B, C, h, w)."""
        return _normal(self.p_z(torch.cat([F.elu(self.p_z_y(y / 255)), self.p_z_u(u)], 1)))

    def x_parameters(self, y: Tensor, z: Tensor) -> Tensor:
        """Return the parameters of the mixtures of p(x given y, z), (B, 100, H, W)."""
        large = F.interpolate(y / 255, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.p_x(torch.cat([large, self.p_x_z(z)], 1))

    def render(self, y: Tensor, z: Tensor) -> Tensor:
        """Return x as the paper shows it: the mean of the likeliest mixture, rounded."""
        return LIKELIHOOD.likeliest(self.x_parameters(y, z)).round()

    def render_y(self, u: Tensor) -> Tensor:
        """Return y of u: the mean of the likeliest mixture of p(y given u), rounded, (B, 3, H / 2, W / 2)."""
        return LIKELIHOOD.likeliest(self.p_y(u)).round()

    @torch.no_grad()
    def generate(
        self, count: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw u, y, z and x one after the other; return the new y and x.

        temperature: factor of the deviation of z. p(z given y, u) has learned from real y; a rendered one has no grain,
        and z at temperature 1 is too much for it.
        """
        u = self.p_u.sample(self.noise(count, generator))
        y = self.render_y(u)
        z = self.prior_z(y, u).sample(self.noise(count, generator), temperature)
        return y, self.render(y, z)

    @torch.no_grad()
    def super_resolve(self, y: Tensor, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Return x for a y ("conditional generation" in section 3.3): u from q(u given y), z from p(z given y, u).

        temperature: factor of the deviation of both; 0 takes their means and needs no generator.
        """
        u = self.posterior_u(y).sample(self.noise(len(y), generator), temperature)
        z = self.prior_z(y, u).sample(self.noise(len(y), generator), temperature)
        return self.render(y, z)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the pictures of the true y and a sample of q(z given x)."""
        z = self.posterior_z(x).sample(self.noise(len(x), generator))
        return self.render(downscaled(x), z)

    @torch.no_grad()
    def generative_reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return y and x as they come from a sample of q(u given y) alone."""
        u = self.posterior_u(downscaled(x)).sample(self.noise(len(x), generator))
        y = self.render_y(u)
        z = self.prior_z(y, u).sample(self.noise(len(x), generator))
        return y, self.render(y, z)

    @torch.no_grad()
    def interpolate(self, first: Tensor, second: Tensor, count: int) -> Tensor:
        """Return pictures (B, count, 3, H, W), u and z on the straight line between the posteriors' means, y from u."""
        us = [self.posterior_u(downscaled(x)).mean for x in (first, second)]
        zs = [self.posterior_z(x).mean for x in (first, second)]
        weights = torch.linspace(0, 1, count).tolist()
        return torch.stack([self.render(self.render_y(torch.lerp(*us, w)), torch.lerp(*zs, w)) for w in weights], 1)


def make(config: VaeConfig | SrVaeConfig) -> SingleVae | SrVae:
    """Make the model of a configuration, with random weights."""
    return SrVae(config) if isinstance(config, SrVaeConfig) else SingleVae(config)
