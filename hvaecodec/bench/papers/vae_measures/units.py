"""Measure how many latents work: KL of every unit and active units, over a whole set of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.latents import Gaussian, standard_noise
from hvaecodec.models.vdvae.net import Vdvae

THRESHOLD = 0.01  # of the variance of an active unit, arXiv:1509.00519, section 4


@dataclass(frozen=True)
class Units:
    """The units of a net, and how much each of them works; float64 (units,) each.

    kl: nats, equation 3 of arXiv:2302.09976. activity: A of its equation 4. context_activity: the variance of every
    decoded value of the context, in its units of -1..1; empty without one.
    """

    kl: np.ndarray
    activity: np.ndarray
    context_activity: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Return active units in number and per cent, without and with the context's, and nats a unit."""
        active, more = int((self.activity > THRESHOLD).sum()), int((self.context_activity > THRESHOLD).sum())
        n, n_context = len(self.kl), len(self.context_activity)
        return {
            "units": n,
            "context_units": n_context,
            "active": active,
            "active_percent": 100 * active / n,
            "active_with_context": active + more,
            "active_with_context_percent": 100 * (active + more) / (n + n_context),
            "kl_per_unit": float(self.kl.mean()),
        }

    def cdf(self, points: np.ndarray) -> np.ndarray:
        """Return the part of the units whose KL is at most each of the points (figure 1); points: nats."""
        return np.searchsorted(np.sort(self.kl), points, side="right") / len(self.kl)


@torch.no_grad()
def measure_units(net: Vdvae, x: Tensor, seed: int = 0, batch: int = 100) -> Units:
    """Measure every unit over all pictures of x, whole numbers as float, (B, C, H, W).

    The activity is the covariance of posterior means along two independent paths of upper latents: its expectation is
    the variance over pictures of their expectation over paths, which one path would overrate.
    """
    net.eval()
    generator = torch.Generator().manual_seed(seed)
    sums = _Sums()
    context: list[Tensor] = []
    for part in x.split(batch):
        features, symbols = net.features(part), net.symbols(part)
        paths = [posterior_path(net, len(part), features, symbols, generator) for _ in range(2)]
        sums.add(paths[0][0], paths[1][0], (paths[0][1] + paths[1][1]) / 2)
        if symbols is not None and net.context is not None:
            context.append(symbols.flatten(1) / net.context.config.half)
    values = torch.cat(context).double().var(0).cpu().numpy() if context else np.zeros(0)
    return Units(sums.kl.numpy() / sums.n, sums.covariance(), values)


def posterior_path(
    net: Vdvae, n: int, features: Any, symbols: Any, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return posterior means and KLs (nats) of all units along one path of samples, float64 (n, units) each.

    features, symbols: what `Vdvae.features` and `Vdvae.symbols` give for n pictures.
    """
    means, kls = [], []

    def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
        means.append(q.mean.flatten(1))
        kls.append(q.kl(p).flatten(1))
        return q.sample(standard_noise(q.mean, generator))

    net.walk(choose, n, features, symbols)
    return torch.cat(means, 1).cpu().double(), torch.cat(kls, 1).cpu().double()


class _Sums:
    """The running sums for the covariance of two quantities and the mean of a third."""

    def __init__(self) -> None:
        self.n = 0
        self.one = self.two = self.product = self.kl = torch.zeros(())

    def add(self, one: Tensor, two: Tensor, kl: Tensor) -> None:
        self.n += len(one)
        self.one, self.two = self.one + one.sum(0), self.two + two.sum(0)
        self.product, self.kl = self.product + (one * two).sum(0), self.kl + kl.sum(0)

    def covariance(self) -> np.ndarray:
        return ((self.product - self.one * self.two / self.n) / (self.n - 1)).numpy()
