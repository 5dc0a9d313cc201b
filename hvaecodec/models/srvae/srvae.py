"""The super-resolution VAE, and the single-level VAE it is compared with.

Gatopoulos, Stol, Tomczak, arXiv:2006.05218: y, the picture at half its side, is a variable of its own between the
latents u and z: p(u) p(y given u) p(z given y, u) p(x given y, z), with q(u given y) q(z given x) and y known from x.
Both have RealNVP as prior of the top latent. Pictures are float (B, 3, H, W) with whole numbers 0..255, H = W = 32 in
the paper; nets see them in [0, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from hvaecodec.models.latents import Gaussian
from hvaecodec.models.likelihoods import LogisticMixture
from hvaecodec.models.srvae.dense import Dense, decoder, encoder, plain
from hvaecodec.models.srvae.realnvp import RealNVP

LOG_VARIANCE = 7.0  # log variances are kept within ± this
LIKELIHOOD = LogisticMixture(10, coupled=True)  # 100 numbers a pixel


@dataclass(frozen=True)
class VaeConfig:
    """side: of the pictures. latent: channels of z, at a quarter of the side."""

    encode: Dense
    decode: Dense
    flow: Dense
    latent: int = 16
    side: int = 32


@dataclass(frozen=True)
class SrVaeConfig:
    """latent: channels of u and of z, both at a quarter of the side. z_prior_y, z_prior_u, z_prior: nets on y, on u and
    on both that give p(z given y, u); x_z, x: on z and on z with y that give p(x given y, z)."""

    encode_u: Dense
    decode_y: Dense
    encode_z: Dense
    z_prior_y: Dense
    z_prior_u: Dense
    z_prior: Dense
    x_z: Dense
    x: Dense
    flow: Dense
    latent: int = 16
    side: int = 32


PRESETS: dict[str, dict[str, VaeConfig | SrVaeConfig]] = {
    "paper": {  # 34.28 and 39.27 million parameters
        "vae": VaeConfig(Dense(16, 8), Dense(128, 6), Dense(64, 5)),
        "srvae": SrVaeConfig(
            encode_u=Dense(64, 3), decode_y=Dense(128, 4), encode_z=Dense(16, 4), z_prior_y=Dense(32, 5),
            z_prior_u=Dense(64, 3, 3), z_prior=Dense(64, 3, 3), x_z=Dense(64, 8), x=Dense(64, 5, 3), flow=Dense(64, 5),
        ),
    },
    "cpu": {  # about two million each
        "vae": VaeConfig(Dense(8, 4), Dense(32, 4), Dense(16, 3)),
        "srvae": SrVaeConfig(
            encode_u=Dense(8, 3), decode_y=Dense(24, 3), encode_z=Dense(8, 3), z_prior_y=Dense(8, 3),
            z_prior_u=Dense(8, 3, 2), z_prior=Dense(8, 3, 2), x_z=Dense(24, 4), x=Dense(16, 4, 2), flow=Dense(16, 3),
        ),
    },
    "tiny": {
        "vae": VaeConfig(Dense(2, 1), Dense(8, 1), Dense(4, 1), latent=4, side=16),
        "srvae": SrVaeConfig(
            encode_u=Dense(4, 1), decode_y=Dense(8, 1), encode_z=Dense(2, 1), z_prior_y=Dense(4, 1),
            z_prior_u=Dense(4, 1), z_prior=Dense(4, 1), x_z=Dense(8, 1), x=Dense(4, 1), flow=Dense(4, 1),
            latent=4, side=16,
        ),
    },
}  # fmt: skip


def downscaled(x: Tensor) -> Tensor:
    """y: pictures at half their side, whole numbers 0..255 again; Pillow's bilinear filter, as in the released code.

    x: (B, 3, H, W) whole numbers 0..255. Integer arithmetic, equal everywhere.
    """
    pixels = x.detach().to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    size = (x.shape[3] // 2, x.shape[2] // 2)
    small = [np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)) for picture in pixels]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).to(x.device, x.dtype)


def _normal(output: Tensor) -> Gaussian:
    mean, log_variance = output.float().chunk(2, 1)
    return Gaussian(mean, 0.5 * log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE))


def _density(normal: Gaussian, z: Tensor) -> Tensor:
    """(B,) nats."""
    return normal.log_prob(z).flatten(1).sum(1)


class _Pictures(nn.Module, ABC):
    """What both models share: the shapes of their latents, and normal noise for them."""

    config: Any

    def noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """(count, C, h, w), drawn on the generator's device and moved to the model's."""
        side = self.config.side // 4
        device = generator.device if generator is not None else None
        drawn = torch.randn(count, self.config.latent, side, side, generator=generator, device=device)
        return drawn.to(next(self.parameters()).device)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """The parts of -ELBO in nats, (B,) each. x: (B, 3, H, W) whole numbers 0..255."""
        return self.bound(*self.drawn(x, generator))

    @abstractmethod
    def drawn(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        """What `bound` takes."""

    @abstractmethod
    def bound(self, *drawn: Tensor) -> dict[str, Tensor]:
        """`terms` as a function of tensors alone, which a compiler can take whole."""


class SingleVae(_Pictures):
    """x from z, with a RealNVP prior; section 2 of the paper."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        side, latent = config.side // 4, config.latent
        self.q_z = encoder(3, 2 * latent, config.encode, 2)
        self.p_x = decoder(latent, LIKELIHOOD.n_parameters(3), config.decode, 2)
        self.p_z = RealNVP((latent, side, side), config.flow)

    def drawn(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """What `bound` takes: x, and noise for z."""
        return x, self.noise(len(x), generator)

    def bound(self, x: Tensor, noise: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """re_x = -log p(x given z) and kl_z, for one sample of z."""
        q_z = self.posterior(x)
        return self.terms_at(x, q_z.sample(noise), q_z)

    def terms_at(self, x: Tensor, z: Tensor, q_z: Gaussian) -> dict[str, Tensor]:
        """`terms` at a given z."""
        return {
            "re_x": -LIKELIHOOD.log_prob(self.p_x(z), x),
            "kl_z": _density(q_z, z) - self.p_z.log_prob(z),
        }

    def posterior(self, x: Tensor) -> Gaussian:
        return _normal(self.q_z(x / 255))

    @torch.no_grad()
    def generate(self, count: int, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """New pictures. temperature: factor on the noise that becomes z."""
        return self.render(self.p_z.sample(temperature * self.noise(count, generator)))

    @torch.no_grad()
    def reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """From a sample of q(z given x)."""
        return self.render(self.posterior(x).sample(self.noise(len(x), generator)))

    @torch.no_grad()
    def interpolate(self, first: Tensor, second: Tensor, count: int) -> Tensor:
        """(B, count, 3, H, W): pictures on the straight line between the posteriors' means."""
        ends = [self.posterior(x).mean for x in (first, second)]
        return torch.stack([self.render(torch.lerp(*ends, w)) for w in torch.linspace(0, 1, count).tolist()], 1)

    def render(self, z: Tensor) -> Tensor:
        return LIKELIHOOD.likeliest(self.p_x(z)).round()


class SrVae(_Pictures):
    """The two-level model of section 3."""

    def __init__(self, config: SrVaeConfig) -> None:
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

    def drawn(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `bound` takes: x, its y, and noise for u and z."""
        return x, downscaled(x), self.noise(len(x), generator), self.noise(len(x), generator)

    def bound(  # type: ignore[override]
        self, x: Tensor, y: Tensor, noise_u: Tensor, noise_z: Tensor
    ) -> dict[str, Tensor]:
        """eq. (5) with y known, "final ELBO", for one sample of u and z.

        re_x = -log p(x given y, z), re_y = -log p(y given u), kl_z, kl_u. The paper's u for p(z given y, u) comes from
        q(u given y), so does ours.
        """
        q_u, q_z = self.posterior_u(y), self.posterior_z(x)
        return self.terms_at(x, y, q_u.sample(noise_u), q_z.sample(noise_z), q_u, q_z)

    def terms_at(self, x: Tensor, y: Tensor, u: Tensor, z: Tensor, q_u: Gaussian, q_z: Gaussian) -> dict[str, Tensor]:
        """`terms` at given u and z."""
        return {
            "re_x": -LIKELIHOOD.log_prob(self.x_parameters(y, z), x),
            "re_y": -LIKELIHOOD.log_prob(self.p_y(u), y),
            "kl_z": _density(q_z, z) - _density(self.prior_z(y, u), z),
            "kl_u": _density(q_u, u) - self.p_u.log_prob(u),
        }

    def posterior_u(self, y: Tensor) -> Gaussian:
        return _normal(self.q_u(y / 255))

    def posterior_z(self, x: Tensor) -> Gaussian:
        return _normal(self.q_z(x / 255))

    def prior_z(self, y: Tensor, u: Tensor) -> Gaussian:
        """p(z given y, u)."""
        return _normal(self.p_z(torch.cat([F.elu(self.p_z_y(y / 255)), self.p_z_u(u)], 1)))

    def x_parameters(self, y: Tensor, z: Tensor) -> Tensor:
        """Of the mixtures of p(x given y, z)."""
        large = F.interpolate(y / 255, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.p_x(torch.cat([large, self.p_x_z(z)], 1))

    def render(self, y: Tensor, z: Tensor) -> Tensor:
        """x as the paper shows it: the mean of the likeliest mixture."""
        return LIKELIHOOD.likeliest(self.x_parameters(y, z)).round()

    def render_y(self, u: Tensor) -> Tensor:
        return LIKELIHOOD.likeliest(self.p_y(u)).round()

    @torch.no_grad()
    def generate(
        self, count: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """u, y, z, x one after the other; the new y and x.

        temperature: factor on the deviation of z. p(z given y, u) has learned from real y; a rendered one has no grain,
        and z at temperature 1 is too much for it.
        """
        u = self.p_u.sample(self.noise(count, generator))
        y = self.render_y(u)
        z = self.prior_z(y, u).sample(self.noise(count, generator), temperature)
        return y, self.render(y, z)

    @torch.no_grad()
    def super_resolve(self, y: Tensor, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """x for a given y ("conditional generation"): u from q(u given y), z from p(z given y, u).

        temperature: factor on the deviation of both; 0 takes their means and needs no generator.
        """
        u = self.posterior_u(y).sample(self.noise(len(y), generator), temperature)
        z = self.prior_z(y, u).sample(self.noise(len(y), generator), temperature)
        return self.render(y, z)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """From the true y and a sample of q(z given x)."""
        z = self.posterior_z(x).sample(self.noise(len(x), generator))
        return self.render(downscaled(x), z)

    @torch.no_grad()
    def generative_reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """y and x again from u of q(u given y) alone."""
        u = self.posterior_u(downscaled(x)).sample(self.noise(len(x), generator))
        y = self.render_y(u)
        z = self.prior_z(y, u).sample(self.noise(len(x), generator))
        return y, self.render(y, z)

    @torch.no_grad()
    def interpolate(self, first: Tensor, second: Tensor, count: int) -> Tensor:
        """(B, count, 3, H, W): u and z on the straight line between the posteriors' means, y from u."""
        us = [self.posterior_u(downscaled(x)).mean for x in (first, second)]
        zs = [self.posterior_z(x).mean for x in (first, second)]
        weights = torch.linspace(0, 1, count).tolist()
        return torch.stack([self.render(self.render_y(torch.lerp(*us, w)), torch.lerp(*zs, w)) for w in weights], 1)


def make(config: VaeConfig | SrVaeConfig) -> SingleVae | SrVae:
    """The model of a configuration, with random weights."""
    return SrVae(config) if isinstance(config, SrVaeConfig) else SingleVae(config)
