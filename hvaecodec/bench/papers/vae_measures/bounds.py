"""Measure -ELBO and importance-weighted NLL of test pictures, in nats and bits per dimension.

Pictures are whole numbers as float (B, C, H, W), as the nets take them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.latents import Gaussian, standard_noise
from hvaecodec.models.vdvae.net import Vdvae


@dataclass(frozen=True)
class Mean:
    """A mean over pictures and its standard error, in the unit of the values; nan for the error of one picture."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Tensor) -> Mean:
        """Return the mean of values (pictures,), computed in float64."""
        values = values.double()
        return cls(float(values.mean()), float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan)


def bits_per_dim(nats: float, dims: int) -> float:
    """Return the nats of a picture as bits per sample; dims: the number of its samples."""
    return nats / (dims * math.log(2))


@torch.no_grad()
def negative_elbo(
    net: Vdvae, x: Tensor, *, seed: int = 0, batch: int = 100, net_input: Tensor | None = None
) -> dict[str, Any]:
    """Return -ELBO with one sample of the posterior for each picture, by its parts, nats a picture.

    nll, kl, context and elbo are `Mean`s; kl_by_latent: means, coarse to fine; by_picture: elbo of each. The context's
    part is a bound too where its prior is a diffusion. net_input: what encoder and context see in place of x, in its
    units, see `Vdvae.bound`.
    """
    net.eval()
    generator = torch.Generator().manual_seed(seed)
    pairs = zip(x.split(batch), (x if net_input is None else net_input).split(batch), strict=True)
    parts = [net.bound(part, generator, part_input) for part, part_input in pairs]
    kl = torch.cat([torch.stack(part.kl) for part in parts], 1)  # (latents, pictures)
    total = torch.cat([part.total() for part in parts])
    out: dict[str, Any] = {
        "nll": Mean.of(torch.cat([part.nll for part in parts])),
        "kl": Mean.of(kl.sum(0)),
        "elbo": Mean.of(total),
        "kl_by_latent": kl.double().mean(1).tolist(),
        "by_picture": total.double().tolist(),
    }
    if parts[0].context is not None:
        out["context"] = Mean.of(torch.cat([part.context for part in parts if part.context is not None]))
    return out


def log_mean_exp(values: Tensor) -> Tensor:
    """Return log mean exp(values) over the first axis."""
    return torch.logsumexp(values, 0) - math.log(len(values))


def importance_nll(log_px: Tensor, log_prior: Tensor, log_posterior: Tensor) -> Tensor:
    """Return -log mean_k p(x|z_k) p(z_k) / q(z_k|x), (B,) nats (arXiv:1509.00519, eq. 8).

    log_px, log_prior, log_posterior: nats (K, B) at the sampled z.
    """
    return -log_mean_exp(log_px + log_prior - log_posterior)


def published_nll(log_px: Tensor, analytic_kl: Tensor) -> Tensor:
    """Return the estimate of the DCT-VAE's released code, -log mean_k p(x|z_k) exp(-KL_k), (B,) nats; for parity only.

    log_px, analytic_kl: nats (K, B) at the sampled z. With the divergence in place of log q(z) - log p(z) at the sample
    this is no bound: under an exact posterior it is lower than -log p(x), without limit as the latents grow in number.
    """
    return -log_mean_exp(log_px - analytic_kl)


@dataclass(frozen=True)
class Weighted:
    """Estimates of -log p(x) from the same samples, (B,) nats each.

    nll: by correct importance weights, a bound in expectation. published: by the released code's estimator, for parity.
    elbo: -ELBO, which nll is never above.
    """

    nll: Tensor
    published: Tensor
    elbo: Tensor


@torch.no_grad()
def weighted_nll(
    net: Vdvae, x: Tensor, samples: int, *, seed: int = 0, batch: int = 100, net_input: Tensor | None = None
) -> Weighted:
    """Estimate -log p(x) by `samples` importance samples a picture.

    The context counts with the mean of its prior's nats. net_input: what encoder and context see in place of x, in its
    units, see `Vdvae.bound`.
    """
    net.eval()
    generator = torch.Generator().manual_seed(seed)
    pairs = zip(x.split(batch), (x if net_input is None else net_input).split(batch), strict=True)
    estimates = [_weighted(net, part, part_input, samples, generator) for part, part_input in pairs]
    return Weighted(*(torch.cat(parts) for parts in zip(*estimates, strict=True)))


def _weighted(net: Vdvae, x: Tensor, net_input: Tensor, samples: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    features, symbols = net.features(net_input), net.symbols(net_input)
    rows: list[list[Tensor]] = [[], [], [], [], []]
    for _ in range(samples):
        log_prior, log_posterior, kl = (torch.zeros(len(x), device=x.device) for _ in range(3))

        def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
            nonlocal log_prior, log_posterior, kl
            z = q.sample(standard_noise(q.mean, generator))
            log_prior = log_prior + p.log_prob(z).flatten(1).sum(1)
            log_posterior = log_posterior + q.log_prob(z).flatten(1).sum(1)
            kl = kl + q.kl(p).flatten(1).sum(1)
            return z

        log_px = net.likelihood.log_prob(net.walk(choose, len(x), features, symbols), x)
        context = torch.zeros_like(log_px)
        if symbols is not None and net.context_prior is not None:
            context = net.context_prior.nats(symbols, generator)
        for row, value in zip(rows, (log_px, log_prior, log_posterior, kl, context), strict=True):
            row.append(value)
    px, prior, posterior, divergence, context_nats = (torch.stack(row) for row in rows)
    correct = importance_nll(px, prior, posterior) + context_nats.mean(0)
    elbo = (posterior - prior - px + context_nats).mean(0)
    return correct, published_nll(px, divergence + context_nats), elbo
