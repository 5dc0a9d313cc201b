"""These are the thesis's small VAEs, several copies side by side: Gaussian in R^n, or a heat kernel on n circles.

Pérez Rey, "Latent variable separation with variational autoencoders" (2018), "the thesis" below, chapters 4, 7 and 11.
A copy is one net of one repetition with its own decoder deviation; all tensors have the copies in front, so that one
batched product trains all of them.
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
    """The configuration of a VAE gives its latent space and the sizes of its nets.

    data: samples of a point. space, dims: dimensions of the plane, or circles of the torus. hidden: widths of the
    encoder; the decoder has them in reverse.
    """

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
    """A posterior is a distribution over a latent space for each copy and data point.

    centre: (copies, B, n), coordinates, or angles in radians. spread: of the same shape, the log variance, or log t of
    the heat kernel.
    """

    centre: Tensor
    spread: Tensor


class Space(Protocol):
    """A latent space has a prior, and posteriors that an encoder parametrises; points are what a decoder sees.

    encoded: how many numbers an encoder gives. width: of a point. noises: normal variates that a sample needs.
    """

    encoded: int
    width: int
    noises: int

    def posterior(self, encoded: Tensor) -> Posterior:
        """Return the posterior of an encoder's outputs (copies, B, encoded)."""
        ...

    def sample(self, posterior: Posterior, noise: Tensor) -> Tensor:
        """Return points (copies, B, width) of a posterior; noise: standard normal, (copies, B, noises)."""
        ...

    def middle(self, posterior: Posterior) -> Tensor:
        """Return the points at the centres, (copies, B, width)."""
        ...

    def kl(self, posterior: Posterior) -> Tensor:
        """Return the divergence of the posterior from the prior, (copies, B) nats, exact."""
        ...

    def prior(self, copies: int, count: int, generator: torch.Generator) -> Tensor:
        """Draw points from the prior, (copies, count, width)."""
        ...


class Plane:
    """The plane is R^n with a standard normal prior; the thesis's chapter 4."""

    def __init__(self, n: int) -> None:
        """Take the number of dimensions."""
        self.encoded, self.width, self.noises = 2 * n, n, n

    def posterior(self, encoded: Tensor) -> Posterior:
        """Return normals: the first half of the outputs are means, the second log variances."""
        centre, spread = encoded.chunk(2, -1)
        return Posterior(centre, spread.clamp(*LOG_VARIANCE))

    def sample(self, posterior: Posterior, noise: Tensor) -> Tensor:
        """Return mean + sigma * noise, eq. (4.6)."""
        return posterior.centre + torch.exp(0.5 * posterior.spread) * noise

    def middle(self, posterior: Posterior) -> Tensor:
        """Return the means."""
        return posterior.centre

    def kl(self, posterior: Posterior) -> Tensor:
        """Return KL(N(mean, sigma^2) || N(0, 1)), (copies, B) nats, eq. (4.5)."""
        return 0.5 * (posterior.spread.exp() + posterior.centre**2 - posterior.spread - 1).sum(-1)

    def prior(self, copies: int, count: int, generator: torch.Generator) -> Tensor:
        """Draw standard normal points, eq. (4.1)."""
        return torch.randn(copies, count, self.width, generator=generator)


class Torus:
    """The torus is n circles with a uniform prior; the thesis's chapters 7 and 11.

    An encoder's mean is a vector in the plane of each circle and its angle is taken: a net that gives the angle itself,
    as the thesis has it, must tear the circle somewhere.
    """

    def __init__(self, n: int) -> None:
        """Take the number of circles."""
        self.encoded, self.width, self.noises = 3 * n, 2 * n, n

    def posterior(self, encoded: Tensor) -> Posterior:
        """Return heat kernels: the outputs are a vector for each circle, then log t, shifted to begin small."""
        vectors, spread = encoded.split([self.width, self.noises], -1)
        return Posterior(heat_kernel.angles_of(vectors), (spread - 4).clamp(*LOG_T))  # a deviation of 0.2 at first

    def sample(self, posterior: Posterior, noise: Tensor) -> Tensor:
        """Return points of the heat kernel, exact; see `heat_kernel.sample`."""
        return heat_kernel.embed(heat_kernel.sample(posterior.centre, posterior.spread.exp(), noise))

    def middle(self, posterior: Posterior) -> Tensor:
        """Return the points at the kernels' centres."""
        return heat_kernel.embed(posterior.centre)

    def kl(self, posterior: Posterior) -> Tensor:
        """Return KL(heat kernel || uniform), summed over the circles, (copies, B) nats: eq. (7.8), mended."""
        return heat_kernel.kl_to_uniform(posterior.spread.exp()).sum(-1)

    def prior(self, copies: int, count: int, generator: torch.Generator) -> Tensor:
        """Draw points with uniform angles, eqs. (7.2) and (11.5)."""
        return heat_kernel.embed(2 * math.pi * torch.rand(copies, count, self.noises, generator=generator))


class Copies(nn.Module):
    """This module is a dense layer for each copy."""

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        """Make layers with random weights, one for each generator, by the rule of Glorot and Bengio (2010)."""
        super().__init__()
        scale = math.sqrt(2 / (inputs + outputs))
        weights = [scale * torch.randn(inputs, outputs, generator=generator) for generator in generators]
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (copies, B, inputs) to (copies, B, outputs)."""
        return torch.baddbmm(self.bias, x, self.weight)


def _dense(widths: Sequence[int], generators: Sequence[torch.Generator]) -> nn.Sequential:
    """Make dense layers with tanh between them.

    The thesis prints no activation; an odd one without biases takes a circle to a curve that is its own mirror image
    through the origin, so the learnt circle starts out whole.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Tanh(), Copies(inputs, outputs, generators)] if layers else [Copies(inputs, outputs, generators)]
    return nn.Sequential(*layers)


class LatentVae(nn.Module):
    """This module holds copies of one small VAE, trained side by side."""

    sigma_x: Tensor

    def __init__(self, config: Config, sigma_x: Sequence[float], seeds: Sequence[int]) -> None:
        """Make copies with random weights; sigma_x: each copy's decoder deviation, seeds: of each copy's weights."""
        super().__init__()
        self.config, self.copies = config, len(sigma_x)
        self.space: Space = Plane(config.dims) if config.space == "plane" else Torus(config.dims)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.encoder = _dense((config.data, *config.hidden, self.space.encoded), generators)
        self.decoder = _dense((self.space.width, *config.hidden[::-1], config.data), generators)
        self.register_buffer("sigma_x", torch.tensor(sigma_x)[:, None])

    def encode(self, x: Tensor) -> Posterior:
        """Return the posteriors of data points x (copies, B, data)."""
        return self.space.posterior(self.encoder(x))

    def decode(self, points: Tensor) -> Tensor:
        """Return the means of p(x given a point), (copies, B, data), of points (copies, B, width)."""
        return self.decoder(points)

    def terms(self, x: Tensor, noise: Tensor, sigma_x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return -log p(x given one sample) and KL, (copies, B) nats each; their sum is the thesis's -ELBO.

        The first is eq. (4.10), with the factor 1/2 that (5.9) lacks. x: (copies, B, data). noise: standard normal,
        (copies, B, noises). sigma_x: (copies, 1), another deviation than the copies' own.
        """
        sigma = self.sigma_x if sigma_x is None else sigma_x
        posterior = self.encode(x)
        error = ((x - self.decode(self.space.sample(posterior, noise))) ** 2).sum(-1)
        constant = 0.5 * x.shape[-1] * torch.log(2 * math.pi * sigma**2)
        return 0.5 * error / sigma**2 + constant, self.space.kl(posterior)
