"""This prior of the context is exact: every integer is given those before it, low frequencies first.

A masked net (MADE, arXiv:1502.03509) gives each integer a mixture of binned normals. Unlike the diffusion prior's
bound, its nats are -log p itself; what a coder would need is its own distribution of every integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.vdvae.context import ContextConfig, binned_normal


@dataclass(frozen=True)
class AutoregressiveConfig:
    """The configuration of the autoregressive prior says how large its masked net is.

    hidden: units of each of `layers` hidden layers, as many as there are integers or more; with fewer, places miss some
    of those just before them. mixtures: normals for each integer.
    """

    hidden: int = 256
    layers: int = 2
    mixtures: int = 3


def frequency_order(context: ContextConfig) -> Tensor:
    """Return the order in which the integers of a context are coded: their flat places, int64 (C d d,).

    Frequencies (u, v) come by u + v, those of equal sum by u, and the channels of a frequency one after the other.
    """
    d = context.size
    places = [(u + v, u, c, (c * d + u) * d + v) for c in range(context.channels) for u in range(d) for v in range(d)]
    return torch.tensor([place[-1] for place in sorted(places)])


class AutoregressivePrior(nn.Module):
    """This prior is p(symbols) as the product of each integer's distribution given those before it in the order."""

    order: Tensor
    rank: Tensor

    def __init__(self, config: AutoregressiveConfig, context: ContextConfig) -> None:
        """Make a prior with random weights."""
        super().__init__()
        self.config, self.context = config, context
        order = frequency_order(context)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("rank", order.argsort(), persistent=False)
        sizes = [context.n_symbols] + [config.hidden] * config.layers + [3 * config.mixtures * context.n_symbols]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        for i, mask in enumerate(_masks(config, context.n_symbols)):
            self.register_buffer(f"mask_{i}", mask, persistent=False)

    def nats(self, symbols: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return -log p(symbols), (B,) nats, exact. symbols: integers as float (B, C, d, d)."""
        ordered = symbols.float().flatten(1)[:, self.order]
        weights, mean, log_sigma = self._conditionals(ordered)
        mass = binned_normal(ordered[..., None], mean, log_sigma, self.context.half)
        return -torch.logsumexp(weights + mass, -1).sum(1)

    @torch.no_grad()
    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw the integers of `batch` contexts, as float (B, C, d, d), one place of the order after the other."""
        c = self.context
        first_layer: Any = self.layers[0]
        ordered = first_layer.weight.new_zeros(batch, c.n_symbols)
        for i in range(c.n_symbols):
            p = self.masses(ordered, i)
            device = p.device if generator is None else generator.device
            pick = torch.multinomial(p.to(device), 1, generator=generator)[:, 0].to(p.device)
            ordered[:, i] = (pick - c.half).to(ordered.dtype)
        return ordered[:, self.rank].reshape(batch, c.channels, c.size, c.size)

    def masses(self, ordered: Tensor, place: int) -> Tensor:
        """Return p of the integers -half..half at a place of the order, given the places before it, (B, 2 half + 1).

        ordered: float (B, C d d), the integers in the order of coding; those from `place` on are not looked at.
        """
        half = self.context.half
        values = torch.arange(-half, half + 1, device=ordered.device, dtype=torch.float32)
        weights, mean, log_sigma = (part[:, place, None] for part in self._conditionals(ordered))  # (B, 1, K)
        mass = binned_normal(values[None, :, None], mean, log_sigma, half)
        return torch.logsumexp(weights + mass, -1).exp()

    def _conditionals(self, ordered: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-weights, means and log-sigmas, float32 (B, C d d, K) each.

        Those of a place depend only on the places before it in the order.
        """
        h = ordered / self.context.half
        for i, module in enumerate(self.layers):
            layer: Any = module
            h = F.linear(h, layer.weight * getattr(self, f"mask_{i}"), layer.bias)
            if i < self.config.layers:
                h = F.silu(h)
        raw = h.float().reshape(len(ordered), self.context.n_symbols, 3, self.config.mixtures)
        weights, mean, log_sigma = raw.unbind(2)
        return weights.log_softmax(-1), mean, (log_sigma - 1.5).clamp(-7, 2)


def _masks(config: AutoregressiveConfig, n: int) -> list[Tensor]:
    """Return the masks of the layers' weights, bool (outputs, inputs), by the rule of arXiv:1502.03509.

    A unit of degree k depends on the first k integers at most; outputs depend on strictly fewer.
    """
    hidden = torch.arange(config.hidden) * (n - 1) // config.hidden + 1
    degrees = [torch.arange(1, n + 1)] + [hidden] * config.layers
    masks = [after[:, None] >= before[None] for before, after in pairwise(degrees)]
    outputs = torch.arange(1, n + 1).repeat_interleave(3 * config.mixtures)
    return [*masks, outputs[:, None] > degrees[-1][None]]
