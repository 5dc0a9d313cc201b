"""The priors that a context may have."""

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
    """Both are modules; symbols are integers as float (B, C, d, d)."""

    def nats(self, symbols: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B,) -log p, or an upper bound on it."""
        ...

    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor: ...


def make_context_prior(config: PriorConfig, context: ContextConfig) -> Any:
    """The prior of a configuration, a module that is a `ContextPrior`."""
    if isinstance(config, PublishedDiffusionConfig):
        return PublishedDiffusion(config, context)
    if isinstance(config, DiffusionConfig):
        return DiffusionPrior(config, context)
    return AutoregressivePrior(config, context)
