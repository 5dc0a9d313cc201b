"""Make pictures from nets: partial reconstructions and samples; and measure the norm of the state on the way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hvaecodec.bench.metrics.ms_ssim32 import ms_ssim32
from hvaecodec.models.latents import Gaussian, standard_noise
from hvaecodec.models.likelihoods import Bernoulli
from hvaecodec.models.vdvae.net import Vdvae


def n_layers(net: Vdvae) -> int:
    """Return L of the papers, the number of layers; the context counts as one."""
    return len(net.order) + (net.context is not None)


@torch.no_grad()
def partial_reconstruction(
    net: Vdvae, x: Tensor, m: int, generator: torch.Generator | None = None, temperature: float = 1.0
) -> Tensor:
    """Reconstruct pictures from their top m latents, the context first (arXiv:2302.09976, equation 8).

    Returns pictures in 0..1, (B, C, H, W). The other latents come from their priors at `temperature` (a factor of
    sigma). The picture is then, as in the paper's code, a sample of a mixture, but the mean of bits. At 0 everything is
    at its mean, the top latents and the mixture too. Raises ValueError unless 0 < m <= L, or if the net has a context
    and m is 0.
    """
    if not (net.context is not None) <= m <= n_layers(net):
        raise ValueError(f"m must lie in 1..{n_layers(net)}, got {m}")
    net.eval()
    n_latents = m - (net.context is not None)

    def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
        if latent_number < n_latents:
            return q.sample(standard_noise(q.mean, generator), 1.0 if temperature else 0.0)
        return p.sample(standard_noise(p.mean, generator), temperature)

    parameters = net.walk(choose, len(x), net.features(x), net.symbols(x))
    return _picture(net, parameters, generator) if temperature else _mean(net, parameters)


@torch.no_grad()
def sample_pictures(net: Vdvae, n: int, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Sample pictures of a net in 0..1, (n, C, H, W).

    temperature: a factor of sigma for the latents below the context; the context itself is sampled at 1.
    """
    net.eval()
    symbols = net.context_prior.sample(n, generator) if net.context_prior is not None else None

    def choose(latent_number: int, p: Gaussian, q: Any) -> Tensor:
        return p.sample(standard_noise(p.mean, generator), temperature)

    return _picture(net, net.walk(choose, n, None, symbols), generator)


def _picture(net: Vdvae, parameters: Tensor, generator: torch.Generator | None) -> Tensor:
    if isinstance(net.likelihood, Bernoulli):
        return _mean(net, parameters)
    return net.likelihood.sample(parameters, generator) / (net.likelihood.levels - 1)


def _mean(net: Vdvae, parameters: Tensor) -> Tensor:
    return net.likelihood.mean(parameters) / (net.likelihood.levels - 1)


@torch.no_grad()
def information(
    net: Vdvae, x: Tensor, *, seed: int = 0, batch: int = 100, temperature: float = 1.0, most: int | None = None
) -> dict[str, list[float]]:
    """Return mean MS-SSIM32 and PSNR of partial reconstructions, for m from 1 to L or to `most`.

    PSNR is in dB with peak 1, of each picture, then the mean. temperature: as in `partial_reconstruction`.
    """
    target = x / (net.likelihood.levels - 1)
    out: dict[str, list[float]] = {"ms_ssim32": [], "psnr_db": []}
    for m in range(1, (most or n_layers(net)) + 1):
        generator = torch.Generator().manual_seed(seed)
        x_hat = torch.cat([partial_reconstruction(net, part, m, generator, temperature) for part in x.split(batch)])
        mse = ((x_hat - target) ** 2).flatten(1).mean(1).clamp_min(1e-10)
        out["ms_ssim32"].append(float(ms_ssim32(x_hat, target).mean()))
        out["psnr_db"].append(float((-10 * torch.log10(mse)).mean()))
    return out


@torch.no_grad()
def state_norms(net: Vdvae, x: Tensor, batches: int = 10, seed: int = 0) -> dict[str, list[list[float]]]:
    """Return the L2 norm of the state after every layer and the relative change of its two half-steps.

    These are the curves of arXiv:2301.08187, figure 5. Lists of one row a batch (its mean), one number a layer,
    top-down: `norm`; `latent_step`, |Z+ - Z| / |Z| as the latent enters; `refine_step`, the same as the residual cells
    follow. A state of zeros has no relative change: nan.
    """
    net.eval()
    generator = torch.Generator().manual_seed(seed)
    out: dict[str, list[list[float]]] = {"norm": [], "latent_step": [], "refine_step": []}
    for part in x.chunk(batches):
        rows: dict[str, list[float]] = {name: [] for name in out}

        def watch(latent_number: int, before: Tensor, between: Tensor, after: Tensor, rows: Any = rows) -> None:
            rows["norm"].append(float(_norm(after).mean()))
            rows["latent_step"].append(float((_norm(between - before) / _norm(before)).mean()))
            change = (
                _norm(after - between) if after.shape == between.shape else torch.full_like(_norm(between), torch.nan)
            )
            rows["refine_step"].append(float((change / _norm(between)).mean()))

        def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
            return q.sample(standard_noise(q.mean, generator))

        net.walk(choose, len(part), net.features(part), net.symbols(part), watch)
        for name, row in rows.items():
            out[name].append([value if abs(value) < float("inf") else float("nan") for value in row])
    return out


def _norm(state: Tensor) -> Tensor:
    return state.float().flatten(1).norm(dim=1)
