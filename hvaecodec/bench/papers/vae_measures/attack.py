"""Attack the latent space: move pictures a little so that the top posteriors move far.

arXiv:2302.09976, appendix H, which prints neither radius nor steps; those here are of the family of attacks that it
cites (arXiv:2203.09940): maximise the symmetric divergence of the posteriors of the top layers within a box around
the picture. How a context is attacked is not stated anywhere; here by the squared distance of its values before
rounding. Steps are those of projected gradient ascent on the sign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hvaecodec.bench.metrics.ms_ssim32 import ms_ssim32
from hvaecodec.models.latents import Gaussian, summed
from hvaecodec.models.vdvae.net import Vdvae


@dataclass(frozen=True)
class Attack:
    """The box of an attack and the steps in it.

    radius: the largest change of a sample in 0..1. steps: how many, each of `rate` times the radius, from each of
    `starts` random points.
    """

    radius: float = 0.1
    steps: int = 50
    rate: float = 0.1
    starts: int = 5


def robustness(net: Vdvae, x: Tensor, m: int, attack: Attack | None = None, seed: int = 0) -> Tensor:
    """Return MS-SSIM32 (B,) between the reconstructions of a picture and of its attacked self, means over the starts.

    x: whole numbers as float, (B, C, H, W). m: layers under attack, the context first. Reconstructions take every
    latent at its posterior mean.
    """
    attack = attack or Attack()
    net.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    levels = net.likelihood.levels - 1
    clean, target = observe_top(net, x, m)

    def distance(pictures: Tensor) -> Tensor:
        return top_distance(observe_top(net, pictures * levels, m)[1], target)

    scores = []
    for _ in range(attack.starts):
        start = (2 * torch.rand(x.shape, generator=generator) - 1).to(x.device) * attack.radius
        attacked = ascend(distance, x / levels, start, attack)
        scores.append(ms_ssim32(clean, observe_top(net, attacked * levels, m)[0]))
    net.requires_grad_(True)
    return torch.stack(scores).mean(0)


def ascend(distance: Callable[[Tensor], Tensor], x: Tensor, change: Tensor, attack: Attack) -> Tensor:
    """Return pictures in the box around x whose distance is larger, by projected gradient ascent on the sign.

    distance: of pictures in 0..1, (B,). x: pictures in 0..1. change: where the ascent starts, as a difference to x.
    """
    for _ in range(attack.steps):
        pictures = (x + change).clamp(0, 1).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(distance(pictures).sum(), pictures)
        change = (change + attack.rate * attack.radius * gradient.sign()).clamp(-attack.radius, attack.radius)
    return (x + change).clamp(0, 1)


@dataclass(frozen=True)
class Top:
    """The top of a net that is under attack: the context's values before rounding, and the posteriors of latents."""

    values: Tensor | None
    posteriors: list[Gaussian]


def observe_top(net: Vdvae, x: Tensor, m: int) -> tuple[Tensor, Top]:
    """Return the reconstructions in 0..1 of pictures (whole numbers), and their top m layers, the context first."""
    posteriors: list[Gaussian] = []
    n_latents = m - (net.context is not None)
    values = net.context.values(x / (net.likelihood.levels - 1)) if net.context is not None else None

    def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
        if latent_number < n_latents:
            posteriors.append(q)
        return q.mean

    parameters = net.walk(choose, len(x), net.features(x), net.symbols(x))
    return net.likelihood.mean(parameters) / (net.likelihood.levels - 1), Top(values, posteriors)


def top_distance(one: Top, two: Top) -> Tensor:
    """Return (B,): half the divergence each way, summed over layers, plus the squared distance of the contexts."""
    pairs = zip(one.posteriors, two.posteriors, strict=True)
    total = sum((0.5 * summed(a.kl(b) + b.kl(a)) for a, b in pairs), torch.zeros(()))
    if one.values is not None and two.values is not None:
        total = total + ((one.values - two.values) ** 2).flatten(1).sum(1)
    return total
