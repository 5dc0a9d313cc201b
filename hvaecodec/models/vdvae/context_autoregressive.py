"""An exact prior over the context: every integer given those before it, low frequencies first.

A masked net (arXiv:1502.03509) gives each integer a mixture of binned normals. Unlike the diffusion prior's bound, its
nats are -log p itself; what a coder would need is its own distribution of every integer.
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
    """hidden: units of each of `layers` hidden layers, as many as there are integers or more; with fewer, places miss
    some of those just before them. mixtures: normals for each integer."""

    hidden: int = 256
    layers: int = 2
    mixtures: int = 3


def frequency_order(context: ContextConfig) -> Tensor:
    """(C d d,) flat places in the order of coding: by u + v, then u, then the channel."""
    d = context.size
    places = [(u + v, u, c, (c * d + u) * d + v) for c in range(context.channels) for u in range(d) for v in range(d)]
    return torch.tensor([place[-1] for place in sorted(places)])


class AutoregressivePrior(nn.Module):
    """p(symbols) as a product of conditionals."""

    order: Tensor
    rank: Tensor

    def __init__(self, config: AutoregressiveConfig, context: ContextConfig) -> None:
        super().__init__()
        self.config, self.context = config, context
        n = context.n_symbols
        order = frequency_order(context)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("rank", order.argsort(), persistent=False)
        sizes = [n] + [config.hidden] * config.layers + [3 * config.mixtures * n]
        degrees = [torch.arange(1, n + 1)]
        degrees += [torch.arange(config.hidden) * (n - 1) // config.hidden + 1 for _ in range(config.layers)]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        for i, degree in enumerate(degrees):
            last = i == config.layers
            after = torch.arange(1, n + 1).repeat_interleave(3 * config.mixtures) if last else degrees[i + 1]
            mask = after[:, None] > degree[None] if last else after[:, None] >= degree[None]
            self.register_buffer(f"mask_{i}", mask, persistent=False)

    def nats(self, symbols: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B,) -log p(symbols), exact."""
        ordered = symbols.float().flatten(1)[:, self.order]
        weights, mean, log_sigma = self._conditionals(ordered)
        mass = binned_normal(ordered[..., None], mean, log_sigma, self.context.half)
        return -torch.logsumexp(weights + mass, -1).sum(1)

    @torch.no_grad()
    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Integers as float (B, C, d, d)."""
        c = self.context
        first: Any = self.layers[0]
        ordered = first.weight.new_zeros(batch, c.n_symbols)
        for i in range(c.n_symbols):
            p = self.masses(ordered, i)
            where = p.device if generator is None else generator.device
            pick = torch.multinomial(p.to(where), 1, generator=generator)[:, 0].to(p.device)
            ordered[:, i] = (pick - c.half).to(ordered.dtype)
        return ordered[:, self.rank].reshape(batch, c.channels, c.size, c.size)

    def masses(self, ordered: Tensor, place: int) -> Tensor:
        """p of -half..half at a place of the order given the places before it, (B, 2 half + 1)."""
        half = self.context.half
        values = torch.arange(-half, half + 1, device=ordered.device, dtype=torch.float32)
        weights, mean, log_sigma = (part[:, place, None] for part in self._conditionals(ordered))  # (B, 1, K)
        mass = binned_normal(values[None, :, None], mean, log_sigma, half)
        return torch.logsumexp(weights + mass, -1).exp()

    def _conditionals(self, ordered: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-weights, means and log-sigmas, float32 (B, n, K) each; those of a place see only the places before."""
        h = ordered / self.context.half
        for i, made in enumerate(self.layers):
            layer: Any = made
            h = F.linear(h, layer.weight * getattr(self, f"mask_{i}"), layer.bias)
            if i < self.config.layers:
                h = F.silu(h)
        raw = h.float().reshape(len(ordered), self.context.n_symbols, 3, self.config.mixtures)
        weights, mean, log_sigma = raw.unbind(2)
        return weights.log_softmax(-1), mean, (log_sigma - 1.5).clamp(-7, 2)
