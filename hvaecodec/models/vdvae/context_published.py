"""This is the prior of a `DrawnContext` as the released code of arXiv:2302.09976 has it, for parity with its tables.

The probabilities of the integers overlap and sum to up to 2, and the divergence of the last step is left out. The
result is no bound on -log p(x); `PublishedDiffusion.proper_nats` gives one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hvaecodec.models.vdvae.context_diffusion import DiffusionConfig, DiffusionPrior

_LEAST = 1e-12  # the smallest mass of which a logarithm is taken


@dataclass(frozen=True)
class PublishedDiffusionConfig(DiffusionConfig):
    """The configuration of a published prior: net and steps are those of a `DiffusionConfig`."""


class PublishedDiffusion(DiffusionPrior):
    """This prior has `nats` as they were published, for training and for parity."""

    _overlapping = True

    def proper_nats(self, symbols: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a bound on -log p(symbols), (B,) nats, that the published prior implies.

        Every mass is divided by the sum of all, and the last step's divergence is counted. symbols: (B, C, d, d).
        """
        self._overlapping = False
        try:
            return self.nats(symbols, generator)
        finally:
            self._overlapping = True

    def _last(self, y: Tensor) -> Tensor:
        return y.new_zeros(len(y)) if self._overlapping else super()._last(y)

    def _log_masses(self, symbols: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
        own = overlapping_masses(symbols, mean, log_sigma, self.context.half)
        if self._overlapping:
            return own
        n = self.context.half
        every = [overlapping_masses(mean.new_tensor(s), mean, log_sigma, n) for s in range(-n - 1, n + 2, 2)]
        return own - torch.logsumexp(torch.stack(every), 0)

    def _rounded(self, y: Tensor) -> Tensor:
        n = self.context.half
        return (2 * torch.floor(y * n / 2) + 1).clamp(1 - n, n - 1)


def overlapping_masses(symbols: Tensor, mean: Tensor, log_sigma: Tensor, bins: int) -> Tensor:
    """Return the published log mass of odd integers under a normal over symbol / bins, elementwise, in nats.

    It is arXiv:2302.09976, eqs. (14) and (15), as the released code reads them: a bin is 2 / (bins - 1) wide, its
    neighbours are 2 / bins away; the outer ones reach to infinity. All arguments broadcast.
    """
    y, half_width = symbols / bins, 1 / (bins - 1)
    low, high = (_distribution((y + side * half_width - mean) * torch.exp(-log_sigma)) for side in (-1, 1))
    inner = (high - low).clamp_min(_LEAST).log()
    left, right = high.clamp_min(_LEAST).log(), (1 - low).clamp_min(_LEAST).log()
    return torch.where(y < half_width - 1, left, torch.where(y > 1 - half_width, right, inner))


def _distribution(x: Tensor) -> Tensor:
    """Return the normal distribution function by its usual approximation with a hyperbolic tangent."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
