"""This module has what trains a layer of HQA and its ablations: relaxed samples, the loss, codes moved or averaged.

arXiv:2002.08111 ("the paper" below), section 5, with the weights of the authors' notebook. Two switches make the
systems of its table 3: `stochastic` (Gumbel-softmax and code reset, else the nearest code, straight through, and codes
that are running means) and `probabilistic` (the weight of the last two terms of eq. 4). The third, the target, is the
layer's class: `HqaLayer` (squared error) or `HamsLayer` (cross-entropy over the codes below). Cells are (N, D), the
places of all grids of a batch one after the other, and codes (K, D).
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
Noise = Callable[[int], Tensor]  # from a count to so many standard Gumbel numbers


@dataclass(frozen=True)
class Objective:
    """An objective says how a layer is trained; the defaults are those of HQA.

    stochastic: whether cells are relaxed samples of their posterior (Gumbel-softmax) or take the nearest code.
    probabilistic: weight of the two last terms of the paper's eq. 4, 0 without them. temperature: first and last of the
    relaxation, linear over the run. reset_every: steps between two looks at the rarest code; reset_below: the share of
    the busiest code's uses under which it is moved; reset_until: part of the run after which no code is moved any more.
    commitment: weight of the deterministic posterior's only term. decay: of the running means of deterministic codes.
    begin: part of the run in which nothing is quantised, so that the first codes are z_e of an encoder that knows
    something. first_deviation: standard deviation of those z_e; gradients move codes slowly, and a larger scale would
    cost short runs more than a smaller one. even_start: whether the untrained z_e are given mean 0 and deviation 1,
    which a deep encoder needs.
    """

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
    """Return the temperature of the relaxation when this fraction (0..1) of the run is over.

    It falls linearly, as in the paper's section 5.1.
    """
    first, last = objective.temperature
    return first + (last - first) * fraction


class GumbelPool:
    """A pool holds standard Gumbel numbers, drawn once and used again from another place at every step.

    To draw them afresh takes three times as long as all else that a step does on a CPU.
    """

    def __init__(self, rng: torch.Generator, size: int = 1 << 23, device: torch.device | str = "cpu") -> None:
        """Draw `size` numbers from `rng` and put them on the device."""
        self.numbers = -torch.empty(size).exponential_(generator=rng).log_().to(device)

    def take(self, count: int, rng: torch.Generator) -> Tensor:
        """Return float32 (count,) from a random place of the pool on; past its end it begins again."""
        start = int(torch.randint(len(self.numbers), (), generator=rng))
        parts = [self.numbers[start : start + count]]
        while (missing := count - sum(map(len, parts))) > 0:
            parts.append(self.numbers[:missing])
        return torch.cat(parts) if len(parts) > 1 else parts[0]


class Relaxed(torch.autograd.Function):
    """This function draws a Gumbel-softmax sample of the posterior of every cell, and returns its two extra terms too.

    cells (N, D), codes (K, D), noise (N, K) standard Gumbel, temperature -> mixed (N, D) = sum_k y_k e_k, nll (N,),
    and the nearest codes (N,). With logits l = -||z_e - e||^2 (the paper's eq. 3) and log q = l - lse(l),
    y = softmax((l + noise) / temperature) is soft and not straight through (arXiv:1611.01144), and
        nll = KL(q || uniform) + sum_k q_k ||z_e - e_k||^2 = sum q (l - lse) + log K - sum q l = log K - lse(l):
    the two probabilistic terms of the paper's eq. 4 at equal weights, in nats, are the negative log-likelihood of a
    mixture of Gaussians. Both passes are written out by hand because they are most of the time of training on CPUs:
    rows go in blocks that stay in a core's cache, and gradients multiply in bfloat16 where autocast would.
    """

    @staticmethod
    def forward(
        ctx: Any, cells: Tensor, codes: Tensor, noise: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mixed codes, the extra terms in nats and the nearest codes, as the class says."""
        device = cells.device.type
        ctx.dtype = torch.bfloat16 if torch.is_autocast_enabled(device) else codes.dtype
        ctx.temperature, low = temperature, codes.to(ctx.dtype)
        blocks = []
        with torch.autocast(device, enabled=False):
            norms = (codes**2).sum(1)
            for z, g in zip(cells.split(_ROWS), noise.split(_ROWS), strict=True):
                logits = torch.addmm(norms, z, codes.T, beta=-1, alpha=2).sub_((z**2).sum(1, keepdim=True))
                q = torch.softmax(logits, 1)
                best, nearest = logits.max(1)
                nll = math.log(len(codes)) - best + q.amax(1).log()  # lse = the best logit - log of its q
                y = torch.softmax(logits.add_(g).div_(temperature), 1).to(ctx.dtype)
                blocks.append((y @ low, nll, nearest, y, q.to(ctx.dtype)))
        mixed, nll, nearest, ctx.y, ctx.q = (torch.cat(block) for block in zip(*blocks, strict=True))
        ctx.save_for_backward(cells, codes)
        ctx.mark_non_differentiable(nearest)
        return mixed.to(cells.dtype), nll, nearest

    @staticmethod
    def backward(ctx: Any, d_mixed: Tensor, d_nll: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of cells and codes; noise and temperature have none."""
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
    """The loss of a layer on a batch comes with what else a step of training needs.

    loss: what the step descends on. parts: what it logs, by name. indices: int64 (N,), the nearest code of every cell.
    cells: (N, D), z_e of every cell, without gradient.
    """

    loss: Tensor
    parts: dict[str, Tensor]
    indices: Tensor
    cells: Tensor


def layer_loss(
    layer: HqaLayer,
    target: Tensor,
    objective: Objective,
    fraction: float,
    noise: Noise,
    *,
    codes: Tensor | None = None,
    quantised: bool = True,
) -> LayerLoss:
    """Return the loss of a layer on targets (B, C, H, W): the mean over the batch, divided by C H W.

    It is the paper's eq. 4 with the reconstruction as a squared error to the standardised target (section 5.2.2), or,
    with codes, as a cross-entropy in nats a cell. fraction: part of the run that is over, 0..1. noise: gives the Gumbel
    numbers of a stochastic objective. codes: int64 (B, H, W), the codes below that the decoder is to name. quantised:
    False decodes z_e as it is.
    """
    z_e = layer.encode(target)
    cells = cells_of(z_e).float()
    mixed, extra, indices = cells, cells.new_zeros(()), torch.zeros(len(cells), dtype=torch.int64, device=cells.device)
    if quantised:
        quantise = _relaxed if objective.stochastic else _nearest
        mixed, extra, indices = quantise(layer, cells, objective, fraction, noise)
    decoded = layer.decode(grid_of(mixed, z_e)).float()
    if codes is None:
        error, size = squared_error(layer, decoded, target).mean(), target.numel()
    else:
        error, size = F.cross_entropy(decoded, codes), cells.numel()
    return LayerLoss(error + extra / size, {"error": error.detach()}, indices, cells.detach())


def _relaxed(
    layer: HqaLayer, cells: Tensor, objective: Objective, fraction: float, noise: Noise
) -> tuple[Tensor, Tensor, Tensor]:
    """Quantise cells (N, D) by a relaxed sample: values (N, D), the weighted extra terms, the nearest codes (N,)."""
    temperature = temperature_at(objective, fraction)
    gumbel = noise(len(cells) * len(layer.codebook)).view(len(cells), -1)
    mixed, nll, nearest = cast(
        "tuple[Tensor, Tensor, Tensor]", Relaxed.apply(cells, layer.codebook, gumbel, temperature)
    )
    return mixed, objective.probabilistic * nll.sum(), nearest


def _nearest(
    layer: HqaLayer, cells: Tensor, objective: Objective, fraction: float, noise: Noise
) -> tuple[Tensor, Tensor, Tensor]:
    """Quantise cells (N, D) to the nearest code, straight through, with the commitment term.

    The paper's eq. 2, whose codebook term is left to the running means.
    """
    indices = choose(layer.cell_logits, cells.detach()[:, :, None, None]).flatten()  # grids of one cell
    code = F.embedding(indices, layer.codebook.detach())
    return cells + (code - cells).detach(), objective.commitment * ((cells - code) ** 2).sum(), indices


def squared_error(layer: HqaLayer, decoded: Tensor, target: Tensor) -> Tensor:
    """Return the elementwise squared error between an output of `decode` and the target, (B, C, H, W) each.

    Pictures are compared as they are, values of a layer below standardised.
    """
    return ((layer.unstandardise(decoded) if layer.bottom else decoded) - layer.standardise(target)) ** 2


@torch.no_grad()
def reset_rarest(codebook: Tensor, counts: Tensor, below: float, rng: torch.Generator) -> int | None:
    """Move the least used code next to the most used one if it has less than a share `below` of its uses.

    Returns the code that was moved, None if none was. codebook: (K, D), changed in place. counts: (K,), the uses since
    the last reset. The paper's section 5.3; the numbers are those of the authors' notebook.
    """
    rarest, busiest = int(counts.argmin()), int(counts.argmax())
    if counts[rarest] >= below * counts[busiest]:
        return None
    apart = 0.01 * torch.randn(codebook.shape[1], generator=rng).to(codebook.device)
    codebook[rarest] = codebook[busiest] + apart
    return rarest


@torch.no_grad()
def average_codes(
    codebook: Tensor, counts: Tensor, sums: Tensor, cells: Tensor, indices: Tensor, *, decay: float
) -> None:
    """Take one step of k-means by running means (arXiv:1711.00937, appendix A.1), in place.

    counts (K,), sums (K, D): running means of how many cells a code has and of their sum. cells: (N, D) of a batch.
    indices: int64 (N,), their codes.
    """
    now = torch.bincount(indices, minlength=len(counts)).to(counts)
    counts.lerp_(now, 1 - decay)
    sums.lerp_(torch.zeros_like(sums).index_add_(0, indices, cells.to(sums)), 1 - decay)
    total = counts.sum()
    smooth = (counts + 1e-5) / (total + len(counts) * 1e-5) * total
    codebook.copy_(sums / smooth[:, None])


@torch.no_grad()
def codes_from_cells(codebook: Tensor, counts: Tensor, sums: Tensor, cells: Tensor, rng: torch.Generator) -> None:
    """Start codes at random cells (N >= K, D), so that none is far from the data, and running means to match, in place.

    codebook (K, D), counts (K,), sums (K, D): see `average_codes`.
    """
    places = torch.randperm(len(cells), generator=rng)[: len(codebook)].to(cells.device)
    codebook.copy_(cells[places])
    counts.fill_(len(cells) / len(codebook))
    sums.copy_(codebook * counts[:, None])


def perplexity(counts: Tensor) -> float:
    """Return how many codes are in use, effectively: exp of the entropy of how often each is used. counts: (K,)."""
    share = counts.double() / counts.sum()
    return float(torch.exp(-(share * share.clamp_min(1e-300).log()).sum()))
