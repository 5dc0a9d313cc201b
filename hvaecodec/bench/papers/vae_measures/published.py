"""Count, for parity only, what the released code of arXiv:2302.09976 counts for a context, and what it costs."""

from __future__ import annotations

import torch
from torch import Tensor

from hvaecodec.bench.papers.vae_measures.bounds import Mean
from hvaecodec.models.vdvae.context import DrawnContext
from hvaecodec.models.vdvae.context_published import PublishedDiffusion
from hvaecodec.models.vdvae.net import Vdvae


@torch.no_grad()
def context_accounts(net: Vdvae, x: Tensor, seed: int = 0, batch: int = 500) -> dict[str, Mean]:
    """Count the nats a picture of the same drawn contexts in three ways, under the same noise of the diffusion.

    published: by probabilities that overlap, without the last step's divergence. proper: an upper bound on -log p.
    draw: the entropy of the draw, which a coder with bits back regains: proper - draw is what the context costs. x:
    whole numbers as float, (B, C, H, W). Raises ValueError if the net's context is not the published one.
    """
    context, prior = net.context, net.context_prior
    if not (isinstance(context, DrawnContext) and isinstance(prior, PublishedDiffusion)):
        raise ValueError("this net does not have the context of the released code")
    net.eval()
    accounts: dict[str, list[Tensor]] = {"published": [], "proper": [], "draw": []}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for part in (x / (net.likelihood.levels - 1)).split(batch):
            symbols = context.symbols(part)
            for name, nats in (("published", prior.nats), ("proper", prior.proper_nats)):
                accounts[name].append(nats(symbols, torch.Generator().manual_seed(seed)))
            accounts["draw"].append(context.entropy(part))
    return {name: Mean.of(torch.cat(parts)) for name, parts in accounts.items()}
