"""The thesis's small VAEs, several copies side by side: Gaussian in R^n, or a heat kernel on n circles.

Pérez Rey, "Latent variable separation with variational autoencoders" (2018), chapters 4, 7 and 11. A copy is one net
of one repetition with its own decoder deviation; all tensors have the copies in front, so that one batched product
trains all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from hvaecodec.models.circles import heat_kernel

LOG_T = (-23.0, 1.4)  # limits of a kernel's log t: a deviation of 1e-5 radians, and nearly uniform
LOG_VARIANCE = (-23.0, 6.0)


@dataclass(frozen=True)
class Config:
    """data: samples of a point. dims: of the plane, or circles of the torus. hidden: widths, decoder in reverse."""

    data: int
    space: Literal["plane", "torus"]
    dims: int
    hidden: tuple[int, ...] = (8, 8)


# hidden layers of a third of the data's dimension, as in section 3.5
PRESETS = {
    "R2": Config(25, "plane", 2),
    "S1": Config(25, "torus", 1),
    "R4": Config(625, "plane", 4, (208, 208)),
    "T2": Config(625, "torus", 2, (208, 208)),
}


@dataclass(frozen=True)
class Posterior:
    """centre: (copies, B, n), coordinates or angles. spread: log variance, or log t of the heat kernel, alike."""

    centre: Tensor
    spread: Tensor


class Space(Protocol):
    """A latent space with its prior. Points are what a decoder sees: (copies, B, width)."""

    encoded: int  # outputs of an encoder
    width: int
    noises: int  # normal variates that a sample needs

    def posterior(self, encoded: Tensor) -> Posterior: ...
    def sample(self, posterior: Posterior, noise: Tensor) -> Tensor: ...
    def middle(self, posterior: Posterior) -> Tensor:
        """The points at the centres."""
        ...

    def kl(self, posterior: Posterior) -> Tensor:
        """Nats to the prior, (copies, B), exact."""
        ...

    def prior(self, copies: int, count: int, generator: torch.Generator) -> Tensor:
        """Points from the prior."""
        ...


class Plane:
    """R^n with a standard normal prior, chapter 4."""

    def __init__(self, n: int) -> None:
        self.encoded, self.width, self.noises = 2 * n, n, n

    def posterior(self, encoded: Tensor) -> Posterior:
        centre, spread = encoded.chunk(2, -1)
        return Posterior(centre, spread.clamp(*LOG_VARIANCE))

    def sample(self, posterior: Posterior, noise: Tensor) -> Tensor:
        return posterior.centre + torch.exp(0.5 * posterior.spread) * noise

    def middle(self, posterior: Posterior) -> Tensor:
        return posterior.centre

    def kl(self, posterior: Posterior) -> Tensor:
        return 0.5 * (posterior.spread.exp() + posterior.centre**2 - posterior.spread - 1).sum(-1)

    def prior(self, copies: int, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(copies, count, self.width, generator=generator)


class Torus:
    """n circles with a uniform prior, chapters 7 and 11.

    An encoder's mean is a vector in the plane of each circle and its angle is taken: a net that gives the angle itself,
    as the thesis has it, must tear the circle somewhere.
    """

    def __init__(self, n: int) -> None:
        self.encoded, self.width, self.noises = 3 * n, 2 * n, n

    def posterior(self, encoded: Tensor) -> Posterior:
        vectors, spread = encoded.split([self.width, self.noises], -1)
        return Posterior(heat_kernel.angles_of(vectors), (spread - 4).clamp(*LOG_T))  # a deviation of 0.2 at first

    def sample(self, posterior: Posterior, noise: Tensor) -> Tensor:
        return heat_kernel.embed(heat_kernel.sample(posterior.centre, posterior.spread.exp(), noise))

    def middle(self, posterior: Posterior) -> Tensor:
        return heat_kernel.embed(posterior.centre)

    def kl(self, posterior: Posterior) -> Tensor:
        return heat_kernel.kl_to_uniform(posterior.spread.exp()).sum(-1)

    def prior(self, copies: int, count: int, generator: torch.Generator) -> Tensor:
        return heat_kernel.embed(2 * math.pi * torch.rand(copies, count, self.noises, generator=generator))


class Copies(nn.Module):
    """A dense layer for each copy: (copies, B, inputs) -> (copies, B, outputs)."""

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        scale = math.sqrt(2 / (inputs + outputs))
        drawn = [scale * torch.randn(inputs, outputs, generator=generator) for generator in generators]
        self.weight = nn.Parameter(torch.stack(drawn))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


def _dense(widths: Sequence[int], generators: Sequence[torch.Generator]) -> nn.Sequential:
    """Dense layers with tanh between them. The thesis prints no activation; an odd one without biases takes a circle
    to a curve that is its own mirror image through the origin, so the learnt circle starts out whole."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Tanh(), Copies(inputs, outputs, generators)] if layers else [Copies(inputs, outputs, generators)]
    return nn.Sequential(*layers)


class LatentVae(nn.Module):
    """Copies of one small VAE. sigma_x: each copy's decoder deviation. seeds: of each copy's first weights."""

    sigma_x: Tensor

    def __init__(self, config: Config, sigma_x: Sequence[float], seeds: Sequence[int]) -> None:
        super().__init__()
        self.config, self.copies = config, len(sigma_x)
        self.space: Space = Plane(config.dims) if config.space == "plane" else Torus(config.dims)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.encoder = _dense((config.data, *config.hidden, self.space.encoded), generators)
        self.decoder = _dense((self.space.width, *config.hidden[::-1], config.data), generators)
        self.register_buffer("sigma_x", torch.tensor(sigma_x)[:, None])

    def encode(self, x: Tensor) -> Posterior:
        """x: (copies, B, data)."""
        return self.space.posterior(self.encoder(x))

    def decode(self, points: Tensor) -> Tensor:
        """The means of p(x given a point), (copies, B, data)."""
        return self.decoder(points)

    def terms(self, x: Tensor, noise: Tensor, sigma_x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """-log p(x given one sample) and KL in nats, each (copies, B); their sum is the thesis's -ELBO.

        Reconstruction: eq. (4.9) with the factor 1/2 that (5.9) lacks. sigma_x: (copies, 1), another deviation than the
        copies' own.
        """
        sigma = self.sigma_x if sigma_x is None else sigma_x
        posterior = self.encode(x)
        error = ((x - self.decode(self.space.sample(posterior, noise))) ** 2).sum(-1)
        constant = 0.5 * x.shape[-1] * torch.log(2 * math.pi * sigma**2)
        return 0.5 * error / sigma**2 + constant, self.space.kl(posterior)
