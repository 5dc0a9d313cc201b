"""A Δ-reductor is a simple map by which one generative model is expressed in the latents of another.

Pérez Rey, "Latent variable separation with variational autoencoders" (2018), chapters 8, 9 and 11: M from Z1 to Z2 is a
Δ-reductor if the mean over p(z1) of KL(p1(x given z1) || p2(x given M z1)) is at most Δ. Every latent is a vector here,
angles on the circle among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from hvaecodec.models.circles import heat_kernel
from hvaecodec.models.circles.diffusion_vae import LatentVae, Torus
from hvaecodec.models.circles.sines import sines


@dataclass(frozen=True)
class Source:
    """A source is a generative model with normal decoders, in copies side by side.

    width: of a latent. sigma: (copies, 1), the decoders' deviations. draw: takes (count, generator) to points of the
    prior, (copies, count, width). means: takes such points to the decoders' means, (copies, count, data).
    """

    width: int
    sigma: Tensor
    draw: Callable[[int, torch.Generator], Tensor]
    means: Callable[[Tensor], Tensor]


def of_vae(vae: LatentVae) -> Source:
    """Return a trained model as a source."""
    return Source(vae.space.width, vae.sigma_x, lambda n, g: vae.space.prior(vae.copies, n, g), vae.decode)


def of_truth(sigma: Tensor) -> Source:
    """Return the true generator of the sines, Φ, as a source whose latent is a phase, as a unit vector."""
    circle, copies = Torus(1), sigma.shape[0]
    return Source(2, sigma, lambda n, g: circle.prior(copies, n, g), lambda z: sines(heat_kernel.angles_of(z)[..., 0]))


def delta(first: Source, second: Source, squared_error: Tensor, data: int) -> Tensor:
    """Return Δ of two sources, (copies,) nats: eq. (9.2).

    squared_error: (copies,), the mean of |mean1(z) - mean2(M z)|² over the first source's prior. data: samples of a
    point.
    """
    ratio = (first.sigma / second.sigma)[:, 0] ** 2
    return squared_error / (2 * second.sigma[:, 0] ** 2) + 0.5 * data * (ratio - 1 - torch.log(ratio))


class Reductor(Protocol):
    """A reductor maps latents of Z1 to Z2, for all copies and from all starts of a fit at once."""

    def __call__(self, z: Tensor) -> Tensor:
        """Take (copies, N, width of Z1) to (copies, starts, N, width of Z2)."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield what a fit may change; copies and starts come first in their shapes."""
        ...


class Matrix(nn.Module):
    """A matrix takes z to C z, eqs. (9.4) and (11.13)."""

    def __init__(self, copies: int, starts: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        """Start from random matrices, of both orientations, from n_in to n_out dimensions."""
        super().__init__()
        matrix = torch.randn(copies, starts, n_in, n_out, generator=generator)
        self.matrix = nn.Parameter(matrix * math.sqrt(n_in) / matrix.norm(dim=(-2, -1), keepdim=True))

    def forward(self, z: Tensor) -> Tensor:
        """Return C z; see `Reductor`."""
        return z[:, None] @ self.matrix


class Rotation(nn.Module):
    """A rotation takes z to the unit vector at angle(z) + c, or at -angle(z) + c.

    The thesis has no sign (table 9.1 and eq. (9.5)), but a circle learnt the other way round cannot be matched without.
    """

    mirror: Tensor

    def __init__(self, copies: int, starts: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        """Start from equally spaced angles, half of them mirrored. Raises ValueError unless both spaces are planes."""
        super().__init__()
        if n_in != 2 or n_out != 2:
            raise ValueError(f"a rotation maps the plane to the plane, not {n_in} to {n_out} dimensions")
        numbers = torch.arange(starts)
        offsets = torch.rand(copies, 1, generator=generator)
        self.angle = nn.Parameter(2 * math.pi * (numbers / starts + offsets))
        self.register_buffer("mirror", 1.0 - 2.0 * (numbers % 2))

    def forward(self, z: Tensor) -> Tensor:
        """Return the unit vectors at the turned angles; see `Reductor`."""
        angle = self.mirror[:, None] * heat_kernel.angles_of(z)[:, None, :, 0] + self.angle[..., None]
        return heat_kernel.embed(angle[..., None])


class PairMatrix(Matrix):
    """This map takes z to C z with every pair of coordinates scaled to the Clifford torus: eqs. (11.11) and (11.12)."""

    def forward(self, z: Tensor) -> Tensor:
        """Return points of the Clifford torus; see `Reductor`."""
        return heat_kernel.embed(heat_kernel.angles_of(super().forward(z)))


FAMILIES: dict[tuple[str, str], type[Matrix] | type[Rotation]] = {
    ("R2", "S1"): Rotation, ("R2", "Phi"): Rotation, ("S1", "R2"): Matrix,
    ("S1", "Phi"): Rotation, ("Phi", "R2"): Matrix, ("Phi", "S1"): Rotation,
    ("R4", "T2"): PairMatrix, ("T2", "R4"): Matrix,
}  # fmt: skip


@dataclass(frozen=True)
class FitConfig:
    """This says how a reductor is fitted.

    starts: maps that are fitted side by side, of which the best stays. steps: of Adam, from learning_rate to 0 by a
    cosine. samples: from the prior, fresh in every step. judged_on: samples that the best map's error is measured on.
    """

    starts: int = 12
    steps: int = 1500
    samples: int = 128
    learning_rate: float = 0.05
    judged_on: int = 10_000


@dataclass(frozen=True)
class Fit:
    """A fit holds a reductor and what came of each of its starts.

    best: int64 (copies,), the best start of every copy. squared_error: (copies,), the mean of |mean1(z) - mean2(M z)|²
    of that start on fresh samples. start_errors: (copies, starts), where all starts ended, on a smaller sample.
    """

    reductor: Reductor
    best: Tensor
    squared_error: Tensor
    start_errors: Tensor

    def map(self, z: Tensor) -> Tensor:
        """Take (copies, N, width of Z1) to (copies, N, width of Z2) by the best start of every copy."""
        with torch.no_grad():
            mapped = self.reductor(z)
        return mapped[torch.arange(len(self.best)), self.best]


def fit(
    first: Source, second: Source, family: Callable[..., Reductor], config: FitConfig = FitConfig(), seed: int = 0
) -> Fit:
    """Fit a reductor from the first source to the second: minimise eq. (9.1) by Adam from several starts.

    Chapter 9, algorithm 2; the decoders stay as they are. family: makes a reductor as `Matrix` does.
    """
    generator = torch.Generator().manual_seed(seed)
    reductor = family(first.sigma.shape[0], config.starts, first.width, second.width, generator)
    parameters = list(reductor.parameters())
    optimiser = torch.optim.Adam(parameters, config.learning_rate)
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))
        errors = _errors(first, second, reductor, first.draw(config.samples, generator))
        for parameter, gradient in zip(parameters, torch.autograd.grad(errors.sum(), parameters), strict=True):
            parameter.grad = gradient
        optimiser.step()
    with torch.no_grad():
        start_errors = _errors(first, second, reductor, first.draw(1000, generator))
        best = start_errors.argmin(1)
        unjudged = Fit(reductor, best, torch.empty(0), start_errors)
        z = first.draw(config.judged_on, generator)
        error = ((second.means(unjudged.map(z)) - first.means(z)) ** 2).sum(-1).mean(-1)
    return Fit(reductor, best, error, start_errors)


def _errors(first: Source, second: Source, reductor: Reductor, z: Tensor) -> Tensor:
    """Return the mean of |mean1(z) - mean2(M z)|² of every start, (copies, starts), on latents z of `first`."""
    with torch.no_grad():
        target = first.means(z)
    mapped = reductor(z)
    copies, starts, count, width = mapped.shape
    means = second.means(mapped.reshape(copies, starts * count, width)).unflatten(1, (starts, count))
    return ((means - target[:, None]) ** 2).sum(-1).mean(-1)
