"""The context of a DCT-VAE: a few integers that a fixed transform makes of a picture, and the picture they stand for.

arXiv:2302.09976, section 4.4 (DCT) and appendix F (downsampling). Where we differ: the quantiser is deterministic and
mid-tread, its alphabet fixed, so that the context is a function of the picture and zero has a bin of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.dct import dct_matrix

Kind = Literal["dct", "downsample", "dct-drawn"]

_NOISE = 0.25  # of a bin, how far the noise of a drawn context goes
_OUTERMOST = 1e3  # standard deviations, in place of infinity, where the outer bins end


@dataclass(frozen=True)
class ContextConfig:
    """size: d of the d x d integers of every channel, -half..half each; the step is S / half.

    centre: what is taken from pictures in 0..1 before the DCT; 0 suits ink on nothing, 0.5 photographs.
    """

    kind: Kind
    side: int
    channels: int
    size: int
    half: int
    centre: float = 0.0

    @property
    def n_symbols(self) -> int:
        return self.channels * self.size**2


class Context(nn.Module, ABC):
    """What both kinds share: values in -1..1 become integers and come back."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = config

    def symbols(self, x: Tensor) -> Tensor:
        """Integers as float (B, C, d, d) of pictures (B, C, D, D) in 0..1."""
        return torch.round(self.values(x.float()).clamp(-1, 1) * self.config.half)

    def picture(self, symbols: Tensor) -> Tensor:
        """The decoder's picture (B, C, D, D) in 0..1."""
        return self.expand(symbols.float() / self.config.half).clamp(0, 1)

    @abstractmethod
    def values(self, x: Tensor) -> Tensor:
        """Of pictures (B, C, D, D) in 0..1, before quantisation: (B, C, d, d), mostly in -1..1."""

    @abstractmethod
    def expand(self, values: Tensor) -> Tensor:
        """The opposite of `values`, as far as the context goes."""

    def fit(self, x: Tensor) -> None:
        """Take what is stored from training pictures (N, C, D, D) in 0..1."""


class DctContext(Context):
    """The low d x d frequencies of the orthonormal DCT-II over their largest magnitudes S (C, d, d) in training."""

    largest: Tensor

    def __init__(self, config: ContextConfig) -> None:
        super().__init__(config)
        self.register_buffer("largest", torch.ones(config.channels, config.size, config.size))

    def fit(self, x: Tensor, chunk: int = 4096) -> None:
        found = [self._frequencies(part.float()).abs().amax(0) for part in x.split(chunk)]
        self.largest.copy_(torch.stack(found).amax(0).clamp_min(1e-6))

    def values(self, x: Tensor) -> Tensor:
        return self._frequencies(x) / self.largest

    def expand(self, values: Tensor) -> Tensor:
        c = self._rows(values)
        with torch.autocast(values.device.type, enabled=False):
            return c.T @ (values * self.largest) @ c + self.config.centre

    def _frequencies(self, x: Tensor) -> Tensor:
        c = self._rows(x)
        with torch.autocast(x.device.type, enabled=False):
            return c @ (x - self.config.centre) @ c.T

    def _rows(self, like: Tensor) -> Tensor:
        """The low frequencies of the DCT matrix, (d, D)."""
        return dct_matrix(self.config.side)[: self.config.size].to(like)


class DrawnContext(DctContext):
    """The quantiser of the released code, for parity: 2^b = `half` bins of -1..1, none of them around zero.

    Symbols are odd, 1 - half .. half - 1 or, by the noise, one beyond; values near the edge of a bin, as zero is, fall
    into either. It is no function of the picture, and no decoder's posterior without the entropy of the draw.
    """

    def symbols(self, x: Tensor) -> Tensor:
        where = self._where(x)
        noise = _NOISE * (2 * torch.rand_like(where) - 1)
        return 2 * torch.floor(where + noise) + 1 - self.config.half

    def entropy(self, x: Tensor) -> Tensor:
        """(B,) nats of the draw of `symbols`."""
        where = self._where(x)
        to_edge = (where - where.round()).abs()
        p = ((_NOISE - to_edge) / (2 * _NOISE)).clamp_min(0)
        return -(torch.special.xlogy(p, p) + torch.special.xlogy(1 - p, 1 - p)).flatten(1).sum(1)

    def _where(self, x: Tensor) -> Tensor:
        """Values in units of bins, 0 .. 2^b."""
        return ((self.values(x.float()).clamp(-1, 1) + 1) / 2).clamp_max(0.999) * self.config.half


class DownsampleContext(Context):
    """Average pooling to d x d, nearest neighbours back."""

    def values(self, x: Tensor) -> Tensor:
        return 2 * F.adaptive_avg_pool2d(x, self.config.size) - 1

    def expand(self, values: Tensor) -> Tensor:
        return F.interpolate((values + 1) / 2, size=(self.config.side, self.config.side), mode="nearest")


_CONTEXTS: dict[Kind, type[Context]] = {"dct": DctContext, "downsample": DownsampleContext, "dct-drawn": DrawnContext}


def make_context(config: ContextConfig) -> Context:
    """The context of a configuration."""
    return _CONTEXTS[config.kind](config)


def binned_normal(symbols: Tensor, mean: Tensor, log_sigma: Tensor, half: int) -> Tensor:
    """log mass, elementwise, nats, of integers -half..half under a normal over symbol / half.

    A bin reaches half way to its neighbours, the outer ones to infinity: the masses sum to one. (The published code
    makes bins wider than their distance; its probabilities sum to up to 2.)
    """
    sigma_inverse = torch.exp(-log_sigma)
    low = ((symbols - 0.5) / half - mean) * sigma_inverse
    high = ((symbols + 0.5) / half - mean) * sigma_inverse
    low = torch.where(symbols <= -half, torch.full_like(low, -_OUTERMOST), low)
    high = torch.where(symbols >= half, torch.full_like(high, _OUTERMOST), high)
    low, high = low.clamp(-_OUTERMOST, _OUTERMOST), high.clamp(-_OUTERMOST, _OUTERMOST)
    right = low + high > 0  # where both lie to the right, their mirror images lose no digits
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log(-torch.expm1((log_low - log_high).clamp_max(-1e-30)))
