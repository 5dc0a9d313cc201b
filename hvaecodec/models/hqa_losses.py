"""What trains a layer of HQA, and its ablations: relaxed samples, the loss, codes that are moved or averaged.

arXiv:2002.08111, section 5, with the weights of the authors' notebook. Two switches make the systems of the paper's
table 3: `stochastic` (Gumbel-softmax and code reset, else the nearest code, straight through, and codes that are
running means) and `probabilistic` (the weight of the last two terms of eq. 4). The third, the target, is the layer's
class: `HqaLayer` (squared error) or `HamsLayer` (cross-entropy over the codes below).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.hqa import HqaLayer, cells_of, grid_of

Noise = Callable[[int], Tensor]  # count -> standard Gumbel numbers


@dataclass(frozen=True)
class Objective:
    """temperature: first and last of the relaxation, linear over the run. probabilistic: weight of the two terms,
    0 without them. commitment: weight of the deterministic posterior's only term. reset_until: part of the run after
    which no code is moved any more. decay: of the running means of deterministic codes."""

    stochastic: bool = True
    probabilistic: float = 0.001
    temperature: tuple[float, float] = (0.667, 0.001)
    reset_every: int = 20
    reset_below: float = 0.03
    reset_until: float = 1.0
    commitment: float = 0.25
    decay: float = 0.99


def temperature_at(objective: Objective, fraction: float) -> float:
    """Of the relaxation, when that part of the run is over."""
    first, last = objective.temperature
    return first + (last - first) * fraction


class GumbelPool:
    """Standard Gumbel numbers, drawn once and used again from another place at every step.

    To draw them afresh takes three times as long as all else that a step does on a CPU.
    """

    def __init__(self, rng: torch.Generator, size: int = 1 << 23, device: torch.device | str = "cpu") -> None:
        self.numbers = -torch.empty(size).exponential_(generator=rng).log_().to(device)

    def take(self, count: int, rng: torch.Generator) -> Tensor:
        """float32 (count,), from a random place on; more than the pool has begin again."""
        start = int(torch.randint(len(self.numbers), (), generator=rng))
        parts = [self.numbers[start : start + count]]
        while (missing := count - sum(map(len, parts))) > 0:
            parts.append(self.numbers[:missing])
        return torch.cat(parts) if len(parts) > 1 else parts[0]


def relaxed(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """A Gumbel-softmax sample of every row, (N, K); soft, not straight through."""
    return torch.softmax((logits + noise) / temperature, 1)


def probabilistic_loss(logits: Tensor, weight: float) -> Tensor:
    """weight (KL(q || uniform) + sum_k q_k ||z_e - e_k||^2) of every row, (N,), in nats.

    With logits l = -||z_e - e||^2 and log q = l - lse(l), the sum is sum q (l - lse) + log K - sum q l, and that is
    log K - lse(l): the negative log-likelihood of a mixture of Gaussians, of which the paper's appendix B speaks.
    """
    return weight * (math.log(logits.shape[1]) - torch.logsumexp(logits, 1))


@dataclass(frozen=True)
class LayerLoss:
    """loss: to go downhill on. parts: to log. used: the index of every cell, (N,). cells: z_e of every cell, (N, D)."""

    loss: Tensor
    parts: dict[str, Tensor]
    used: Tensor
    cells: Tensor


def layer_loss(
    layer: HqaLayer, target: Tensor, objective: Objective, fraction: float, noise: Noise, codes: Tensor | None = None
) -> LayerLoss:
    """The loss of a layer on a batch of targets (B, C, H, W), divided by C H W, mean over the batch.

    codes: int64 (B, H, W) if the decoder gives logits
    over the codes below, else the squared error to the standardised target counts.
    """
    z_e = layer.encode(target)
    cells = cells_of(z_e).float()
    with torch.autocast(target.device.type, enabled=False):
        logits = layer.cell_logits(cells)
    used = logits.detach().argmax(1)
    if objective.stochastic:
        drawn = noise(logits.numel()).view_as(logits)
        mixed = relaxed(logits, drawn, temperature_at(objective, fraction)) @ layer.codebook
        extra = probabilistic_loss(logits, objective.probabilistic).sum() if objective.probabilistic else None
    else:
        nearest = F.embedding(used, layer.codebook.detach())
        mixed = cells + (nearest - cells).detach()
        extra = objective.commitment * ((cells - nearest) ** 2).sum()
    decoded = layer.decode(grid_of(mixed, z_e)).float()
    size = target.shape[0] * target[0].numel()
    if codes is None:
        error = squared_error(layer, decoded, target).sum() / size
    else:
        error = F.cross_entropy(decoded, codes)  # nats a cell
        size = cells.numel()
    loss = error if extra is None else error + extra / size
    return LayerLoss(loss, {"error": error.detach()}, used, cells.detach())


def squared_error(layer: HqaLayer, decoded: Tensor, target: Tensor) -> Tensor:
    """Between reconstruction and target, of pictures as they are and of values from below standardised."""
    if layer.bottom:
        return (layer.unstandardise(decoded) - target) ** 2
    return (decoded - layer.standardise(target)) ** 2


@torch.no_grad()
def reset_rarest(codebook: Tensor, counts: Tensor, below: float, rng: torch.Generator) -> int | None:
    """Move the least used code next to the most used one if it has less than a share `below` of its uses.

    Returns the code that was moved; codebook: (K, D), changed in place. counts: (K,) uses since the last reset.
    """
    rarest, busiest = int(counts.argmin()), int(counts.argmax())
    if counts[rarest] >= below * counts[busiest]:
        return None
    apart = 0.01 * torch.randn(codebook.shape[1], generator=rng).to(codebook.device)
    codebook[rarest] = codebook[busiest] + apart
    return rarest


@torch.no_grad()
def average_codes(codebook: Tensor, counts: Tensor, sums: Tensor, cells: Tensor, used: Tensor, decay: float) -> None:
    """One step of k-means by running means (van den Oord et al., arXiv:1711.00937, appendix A.1), in place.

    counts (K,), sums (K, D): running means of how many cells a code has and of their sum.
    """
    now = torch.bincount(used, minlength=len(counts)).to(counts)
    counts.lerp_(now, 1 - decay)
    sums.lerp_(torch.zeros_like(sums).index_add_(0, used, cells.to(sums)), 1 - decay)
    total = counts.sum()
    smooth = (counts + 1e-5) / (total + len(counts) * 1e-5) * total
    codebook.copy_(sums / smooth[:, None])


@torch.no_grad()
def codes_from_cells(codebook: Tensor, counts: Tensor, sums: Tensor, cells: Tensor, rng: torch.Generator) -> None:
    """First codes for `average_codes`: cells of a batch, drawn at random, so that none begins far from the data."""
    picked = torch.randint(len(cells), (len(codebook),), generator=rng).to(cells.device)
    codebook.copy_(cells[picked])
    counts.fill_(len(cells) / len(codebook))
    sums.copy_(codebook * counts[:, None])


def perplexity(counts: Tensor) -> float:
    """exp of the entropy of how often codes are used: how many are in use, effectively."""
    share = counts.double() / counts.sum()
    return float(torch.exp(-(share * share.clamp_min(1e-300).log()).sum()))
