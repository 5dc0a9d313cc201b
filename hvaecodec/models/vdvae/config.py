"""A net of `models.vdvae.net` is described by frozen dataclasses, so that a misspelt field is an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hvaecodec.models.likelihoods import Bernoulli, LogisticMixture
from hvaecodec.models.vdvae.blocks import Cells
from hvaecodec.models.vdvae.context import ContextConfig
from hvaecodec.models.vdvae.context_priors import PriorConfig


@dataclass(frozen=True)
class Scale:
    """A scale is all that a net has at one resolution.

    side: of its state. layers: stochastic layers with weights of their own. encoder: cells of the encoder. width:
    channels of the state. z: channels of each latent. repeats: how often each layer and each of those cells is applied.
    mixin: one more layer, never repeated, at its beginning. resnet: residual cells of a layer, and of the encoder for
    each of `encoder`.
    """

    side: int
    layers: int
    encoder: int
    width: int
    z: int
    repeats: int = 1
    mixin: bool = False
    resnet: int = 1


@dataclass(frozen=True)
class VdvaeConfig:
    """The configuration of a net names its pictures, scales, cells, likelihood and context.

    side, channels: of the pictures. scales: coarse to fine. cells: how cells are built. context, context_prior: None
    for a net without a context. normalise: whether the state is divided by its norm before every cell; "rms" by its
    root mean square. fourier: octaves of sin and cos of the pixels that the encoder sees too (arXiv:2107.00630,
    appendix C). top_latent: its value reaches every later scale, as in the CIFAR-10 net of the DCT-VAE paper.
    input_mean, input_scale: the encoder sees (x - mean) / scale, both in grey levels.
    """

    side: int
    channels: int
    scales: tuple[Scale, ...]
    cells: Cells = field(default_factory=Cells)
    likelihood: Bernoulli | LogisticMixture = field(default_factory=Bernoulli)
    context: ContextConfig | None = None
    context_prior: PriorConfig | None = None
    normalise: Literal["no", "unit", "rms"] = "no"
    fourier: tuple[int, ...] = ()
    top_latent: bool = False
    input_mean: float = 127.5
    input_scale: float = 127.5
