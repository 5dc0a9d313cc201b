"""A context has one of these priors."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from hvaecodec.models.vdvae.context import ContextConfig
from hvaecodec.models.vdvae.context_autoregressive import AutoregressiveConfig, AutoregressivePrior
from hvaecodec.models.vdvae.context_diffusion import DiffusionConfig, DiffusionPrior
from hvaecodec.models.vdvae.context_published import PublishedDiffusion, PublishedDiffusionConfig

PriorConfig = DiffusionConfig | AutoregressiveConfig


class ContextPrior(Protocol):
    """A context's prior is a module that gives nats and draws symbols: integers as float (B, C, d, d)."""

    def nats(self, symbols: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return -log p(symbols), or an upper bound on it, (B,) nats."""
        ...

    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw the symbols of `batch` contexts."""
        ...


def make_context_prior(config: PriorConfig, context: ContextConfig) -> Any:
    """Make the prior of a configuration, with random weights: a module that is a `ContextPrior`."""
    if isinstance(config, PublishedDiffusionConfig):
        return PublishedDiffusion(config, context)
    if isinstance(config, DiffusionConfig):
        return DiffusionPrior(config, context)
    return AutoregressivePrior(config, context)
