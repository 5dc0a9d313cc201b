"""Measure what a context costs beyond its own bits: the likelihood's mass on pictures with another context.

A context is a function of the picture. p(x | z, context) does not know that: a part of its mass lies on pictures whose
context is another one, and these pictures never occur. A likelihood without that part would save -log of the rest.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hvaecodec.models.latents import Gaussian, standard_noise
from hvaecodec.models.vdvae.net import Vdvae


@torch.no_grad()
def nats_elsewhere(net: Vdvae, x: Tensor, draws: int = 1024, seed: int = 0, batch: int = 256) -> Tensor:
    """Return -log of the part of p(x | z, context) whose context is that of x, (B,) nats.

    It is that at one sample z of the posterior, estimated from `draws` pictures for each, integer by integer of the
    context as if they were independent; an integer that no draw repeats counts as half a draw. x: whole numbers as
    float, (B, C, H, W). Raises ValueError without a context.
    """
    symbols = net.symbols(x)
    if symbols is None:
        raise ValueError("this net has no context")
    net.eval()
    generator = torch.Generator().manual_seed(seed)

    def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
        return q.sample(standard_noise(q.mean, generator))

    parameters = net.walk(choose, len(x), net.features(x), symbols)
    noise = torch.Generator(x.device).manual_seed(seed)
    out = []
    for own, likely in zip(symbols, parameters, strict=True):
        matches = torch.zeros_like(own)
        for n in [batch] * (draws // batch) + [draws % batch] * (draws % batch > 0):
            pictures = net.likelihood.sample(likely.expand(n, -1, -1, -1), noise)
            matches += (net.symbols(pictures) == own).sum(0)
        out.append(math.log(draws) * own.numel() - matches.clamp_min(0.5).log().sum())
    return torch.stack(out)
