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
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.hqa.stack import HqaLayer, cells_of, choose, grid_of

_ROWS = 512  # cells whose logits stay in a core's cache
Noise = Callable[[int], Tensor]  # count -> standard Gumbel numbers


@dataclass(frozen=True)
class Objective:
    """temperature: first and last of the relaxation, linear over the run. probabilistic: weight of the two terms,
    0 without them. commitment: weight of the deterministic posterior's only term. reset_until: part of the run after
    which no code is moved any more. decay: of the running means of deterministic codes. begin: part of the run in
    which nothing is quantised, so that the first codes are z_e of an encoder that knows something. first_deviation:
    of those z_e; gradients move codes slowly, and a larger scale would cost short runs more than a smaller one. even_start: see that the
    untrained z_e have mean 0 and deviation 1, which a deep encoder needs."""

    stochastic: bool = True
    probabilistic: float = 0.001
    temperature: tuple[float, float] = (0.667, 0.001)
    reset_every: int = 20
    reset_below: float = 0.03
    reset_until: float = 1.0
    commitment: float = 0.25
    decay: float = 0.95
    begin: float = 0.1
    first_deviation: float = 0.3
    even_start: bool = False


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


class Relaxed(torch.autograd.Function):
    """A Gumbel-softmax sample of the posterior of every cell, mixed from the codes, with its two extra terms.

    cells (N, D), codes (K, D), noise (N, K) standard Gumbel, temperature -> mixed (N, D) = sum_k y_k e_k, nll (N,),
    and the nearest codes (N,). With logits l = -||z_e - e||^2 and log q = l - lse(l), y = softmax((l + noise) /
    temperature), soft and not straight through, and
        nll = KL(q || uniform) + sum_k q_k ||z_e - e_k||^2 = sum q (l - lse) + log K - sum q l = log K - lse(l):
    the two probabilistic terms of eq. 4 at equal weights, in nats, are the negative log-likelihood of a mixture of
    Gaussians. Written out by hand because it is most of the time of training on CPUs: rows go in chunks that stay in
    a core's cache, and gradients multiply in bfloat16 where autocast would.
    """

    @staticmethod
    def forward(
        ctx: Any, cells: Tensor, codes: Tensor, noise: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        device = cells.device.type
        ctx.dtype = torch.bfloat16 if torch.is_autocast_enabled(device) else codes.dtype
        ctx.temperature, low = temperature, codes.to(ctx.dtype)
        parts = []
        with torch.autocast(device, enabled=False):
            norms = (codes**2).sum(1)
            for z, g in zip(cells.split(_ROWS), noise.split(_ROWS), strict=True):
                logits = torch.addmm(norms, z, codes.T, beta=-1, alpha=2).sub_((z**2).sum(1, keepdim=True))
                q = torch.softmax(logits, 1)
                best, used = logits.max(1)
                nll = math.log(len(codes)) - best + q.amax(1).log()  # lse = the best logit - log of its q
                y = torch.softmax(logits.add_(g).div_(temperature), 1).to(ctx.dtype)
                parts.append((y @ low, nll, used, y, q.to(ctx.dtype)))
        mixed, nll, used, ctx.y, ctx.q = (torch.cat(part) for part in zip(*parts, strict=True))
        ctx.save_for_backward(cells, codes)
        ctx.mark_non_differentiable(used)
        return mixed.to(cells.dtype), nll, used

    @staticmethod
    def backward(ctx: Any, d_mixed: Tensor, d_nll: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        cells, codes = ctx.saved_tensors
        low, d_cells, d_codes = codes.to(ctx.dtype), [], torch.zeros_like(codes)
        rows = (x.split(_ROWS) for x in (cells, ctx.y, ctx.q, d_mixed, d_nll[:, None]))
        with torch.autocast(cells.device.type, enabled=False):
            for z, y, q, d_mix, d_one in zip(*rows, strict=True):
                d_mix = d_mix.to(ctx.dtype)
                d_y = d_mix @ low.T
                mean = (d_mix * (y @ low)).sum(1, keepdim=True)  # of d_y under y
                d_logits = ((d_y - mean) * y).div_(ctx.temperature).sub_(q * d_one.to(ctx.dtype))
                d_cells.append(2 * (d_logits @ low - z * d_logits.sum(1, keepdim=True)))
                d_codes += y.T @ d_mix + 2 * (d_logits.T @ z.to(ctx.dtype) - d_logits.sum(0)[:, None] * codes)
        return torch.cat(d_cells).to(cells.dtype), d_codes, None, None


@dataclass(frozen=True)
class LayerLoss:
    """loss: to go downhill on. parts: to log. used: the index of every cell, (N,). cells: z_e of every cell, (N, D)."""

    loss: Tensor
    parts: dict[str, Tensor]
    used: Tensor
    cells: Tensor


def layer_loss(
    layer: HqaLayer,
    target: Tensor,
    objective: Objective,
    fraction: float,
    noise: Noise,
    codes: Tensor | None = None,
    quantised: bool = True,
) -> LayerLoss:
    """The loss of a layer on a batch of targets (B, C, H, W), divided by C H W, mean over the batch.

    codes: int64 (B, H, W) if the decoder gives logits
    over the codes below, else the squared error to the standardised target counts. quantised: False decodes z_e as it
    is.
    """
    z_e = layer.encode(target)
    cells = cells_of(z_e).float()
    if not quantised:
        mixed, extra, used = cells, cells.new_zeros(()), torch.zeros(len(cells), dtype=torch.int64, device=cells.device)
    elif objective.stochastic:
        temperature = temperature_at(objective, fraction)
        drawn = noise(len(cells) * len(layer.codebook)).view(len(cells), -1)
        mixed, nll, used = cast(
            "tuple[Tensor, Tensor, Tensor]", Relaxed.apply(cells, layer.codebook, drawn, temperature)
        )
        extra = objective.probabilistic * nll.sum()
    else:
        used = choose(layer.cell_logits, z_e.detach().float()).flatten()
        nearest = F.embedding(used, layer.codebook.detach())
        mixed = cells + (nearest - cells).detach()
        extra = objective.commitment * ((cells - nearest) ** 2).sum()
    decoded = layer.decode(grid_of(mixed, z_e)).float()
    size = target.shape[0] * target[0].numel()
    if codes is None:
        error = squared_error(layer, decoded, target).mean()
    else:
        error = F.cross_entropy(decoded, codes)  # nats a cell
        size = cells.numel()
    return LayerLoss(error + extra / size, {"error": error.detach()}, used, cells.detach())


def squared_error(layer: HqaLayer, decoded: Tensor, target: Tensor) -> Tensor:
    """Between an output of `decode` and the target: of pictures as they are, of values standardised."""
    return ((layer.unstandardise(decoded) if layer.bottom else decoded) - layer.standardise(target)) ** 2


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
    """First codes, with running means to match: cells (N >= K, D) drawn at random, so that none is far from the data."""
    picked = torch.randperm(len(cells), generator=rng)[: len(codebook)].to(cells.device)
    codebook.copy_(cells[picked])
    counts.fill_(len(cells) / len(codebook))
    sums.copy_(codebook * counts[:, None])


def perplexity(counts: Tensor) -> float:
    """exp of the entropy of how often codes are used: how many are in use, effectively."""
    share = counts.double() / counts.sum()
    return float(torch.exp(-(share * share.clamp_min(1e-300).log()).sum()))
