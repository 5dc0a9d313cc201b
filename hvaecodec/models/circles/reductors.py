"""Δ-reductors: simple maps by which one generative model is told in the latents of another.

Pérez Rey (2018), chapters 8, 9 and 11: M from Z1 to Z2 is a Δ-reductor if the mean over p(z1) of
KL(p1(x given z1) || p2(x given M z1)) is at most Δ. Every latent is a vector here, angles on the circle among them.
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
    """A generative model with normal decoders: copies of it side by side.

    draw: (count, generator) -> (copies, count, width) from the prior. means: such points -> (copies, count, data).
    sigma: (copies, 1).
    """

    width: int
    sigma: Tensor
    draw: Callable[[int, torch.Generator], Tensor]
    means: Callable[[Tensor], Tensor]


def of_vae(vae: LatentVae) -> Source:
    """A trained model."""
    return Source(vae.space.width, vae.sigma_x, lambda n, g: vae.space.prior(vae.copies, n, g), vae.decode)


def of_truth(sigma: Tensor) -> Source:
    """The true generator of the sines, Φ: a phase as a unit vector."""
    circle, copies = Torus(1), sigma.shape[0]
    return Source(2, sigma, lambda n, g: circle.prior(copies, n, g), lambda z: sines(heat_kernel.angles_of(z)[..., 0]))


def delta(first: Source, second: Source, squared_error: Tensor, data: int) -> Tensor:
    """Δ in nats from the mean of |mean1(z) - mean2(M z)|², (copies,): eq. (9.2)."""
    ratio = (first.sigma / second.sigma)[:, 0] ** 2
    return squared_error / (2 * second.sigma[:, 0] ** 2) + 0.5 * data * (ratio - 1 - torch.log(ratio))


class Reductor(Protocol):
    """Parameters for all copies and starts; a call takes (copies, N, width) to (copies, starts, N, width of Z2)."""

    def __call__(self, z: Tensor) -> Tensor: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...


class Matrix(nn.Module):
    """z -> C z, table 9.1; starts are random matrices, of both orientations."""

    def __init__(self, copies: int, starts: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        drawn = torch.randn(copies, starts, n_in, n_out, generator=generator)
        self.matrix = nn.Parameter(drawn * math.sqrt(n_in) / drawn.norm(dim=(-2, -1), keepdim=True))

    def forward(self, z: Tensor) -> Tensor:
        return z[:, None] @ self.matrix


class Rotation(nn.Module):
    """z -> the unit vector at angle(z) + c, or at -angle(z) + c.

    The thesis has no sign (table 9.1), but a circle learnt the other way round cannot be matched without; starts are
    equally spaced angles, half of them mirrored.
    """

    mirror: Tensor

    def __init__(self, copies: int, starts: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        if n_in != 2 or n_out != 2:
            raise ValueError(f"a rotation maps the plane to the plane, not {n_in} to {n_out} dimensions")
        index = torch.arange(starts)
        offsets = torch.rand(copies, 1, generator=generator)
        self.angle = nn.Parameter(2 * math.pi * (index / starts + offsets))
        self.register_buffer("mirror", 1.0 - 2.0 * (index % 2))

    def forward(self, z: Tensor) -> Tensor:
        angle = self.mirror[:, None] * heat_kernel.angles_of(z)[:, None, :, 0] + self.angle[..., None]
        return heat_kernel.embed(angle[..., None])


class PairMatrix(Matrix):
    """z -> C z with every pair of coordinates scaled to the Clifford torus, (11.11) and (11.12)."""

    def forward(self, z: Tensor) -> Tensor:
        return heat_kernel.embed(heat_kernel.angles_of(super().forward(z)))


FAMILIES: dict[tuple[str, str], type[Matrix] | type[Rotation]] = {
    ("R2", "S1"): Rotation, ("R2", "Phi"): Rotation, ("S1", "R2"): Matrix,
    ("S1", "Phi"): Rotation, ("Phi", "R2"): Matrix, ("Phi", "S1"): Rotation,
    ("R4", "T2"): PairMatrix, ("T2", "R4"): Matrix,
}  # fmt: skip


@dataclass(frozen=True)
class FitConfig:
    """starts: maps fitted side by side, of which the best is kept. samples: from the prior, fresh in every step."""

    starts: int = 12
    steps: int = 1500
    samples: int = 128
    learning_rate: float = 0.05
    judged_on: int = 10_000


@dataclass(frozen=True)
class Fit:
    """The best start of every copy. squared_error: (copies,), mean of |mean1(z) - mean2(M z)|² on fresh samples.
    start_errors: (copies, starts), where all of them ended, on a smaller sample."""

    reductor: Reductor
    best: Tensor
    squared_error: Tensor
    start_errors: Tensor

    def map(self, z: Tensor) -> Tensor:
        """(copies, N, width of Z1) -> (copies, N, width of Z2) by the best start."""
        with torch.no_grad():
            mapped = self.reductor(z)
        return mapped[torch.arange(len(self.best)), self.best]


def fit(
    first: Source, second: Source, family: Callable[..., Reductor], config: FitConfig = FitConfig(), seed: int = 0
) -> Fit:
    """Minimise eq. (9.1) by Adam from several starts, algorithm 2; decoders stay as they are."""
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
        done = Fit(reductor, best, torch.empty(0), start_errors)
        z = first.draw(config.judged_on, generator)
        error = ((second.means(done.map(z)) - first.means(z)) ** 2).sum(-1).mean(-1)
    return Fit(reductor, best, error, start_errors)


def _errors(first: Source, second: Source, reductor: Reductor, z: Tensor) -> Tensor:
    """(copies, starts): the mean squared error of every start."""
    with torch.no_grad():
        wanted = first.means(z)
    mapped = reductor(z)
    copies, starts, count, width = mapped.shape
    found = second.means(mapped.reshape(copies, starts * count, width)).unflatten(1, (starts, count))
    return ((found - wanted[:, None]) ** 2).sum(-1).mean(-1)
