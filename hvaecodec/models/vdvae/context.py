"""The context of a DCT-VAE is a few integers that a fixed transform makes of a picture, and the picture they stand for.

arXiv:2302.09976, section 4.4 (DCT, algorithms 1 and 2) and appendix F (downsampling, algorithms 3 and 4). Where we
differ: the quantiser is deterministic and mid-tread, its alphabet fixed, so that the context is a function of the
picture and zero has a bin of its own.
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

_NOISE = 0.25  # how far the noise of a drawn context goes, in bins
_OUTERMOST = 1e3  # where the outer bins end, in standard deviations: in place of infinity


@dataclass(frozen=True)
class ContextConfig:
    """The configuration of a context says what transform makes it and how finely it is quantised.

    side, channels: D and C of the pictures. size: d of the d x d integers of every channel, which lie in -half..half;
    the step is S / half, S the largest magnitudes. centre: what is taken from pictures in 0..1 before the DCT; 0 suits
    ink on nothing, 0.5 photographs.
    """

    kind: Kind
    side: int
    channels: int
    size: int
    half: int
    centre: float = 0.0

    @property
    def n_symbols(self) -> int:
        """Return the number of integers of a picture, C d d."""
        return self.channels * self.size**2


class Context(nn.Module, ABC):
    """A context turns a transform's values, in -1..1, into integers and back; all kinds share this."""

    def __init__(self, config: ContextConfig) -> None:
        """Take the configuration; what a kind stores comes from `fit` or from a state dict."""
        super().__init__()
        self.config = config

    def symbols(self, x: Tensor) -> Tensor:
        """Return the integers, as float (B, C, d, d), of pictures (B, C, D, D) in 0..1."""
        return torch.round(self.values(x.float()).clamp(-1, 1) * self.config.half)

    def picture(self, symbols: Tensor) -> Tensor:
        """Return the picture (B, C, D, D) in 0..1 that integers (B, C, d, d) stand for."""
        return self.expand(symbols.float() / self.config.half).clamp(0, 1)

    @abstractmethod
    def values(self, x: Tensor) -> Tensor:
        """Return the values of pictures (B, C, D, D) in 0..1 before quantisation: (B, C, d, d), mostly in -1..1."""

    @abstractmethod
    def expand(self, values: Tensor) -> Tensor:
        """Undo `values` as far as the context goes: (B, C, d, d) to pictures (B, C, D, D)."""

    def fit(self, x: Tensor) -> None:
        """Set what the context stores from training pictures (N, C, D, D) in 0..1."""


class DctContext(Context):
    """This context is the low d x d frequencies of the DCT-II, over their largest magnitudes in training.

    The DCT is orthonormal, z = C x C^T. `largest` is S of arXiv:2302.09976, section 4.4, (C, d, d).
    """

    largest: Tensor

    def __init__(self, config: ContextConfig) -> None:
        super().__init__(config)
        self.register_buffer("largest", torch.ones(config.channels, config.size, config.size, dtype=torch.float32))

    def fit(self, x: Tensor, batch: int = 4096) -> None:
        """Set the largest magnitudes from training pictures (N, C, D, D) in 0..1, `batch` at a time."""
        largest = [self._frequencies(part.float()).abs().amax(0) for part in x.split(batch)]
        self.largest.copy_(torch.stack(largest).amax(0).clamp_min(1e-6))

    def values(self, x: Tensor) -> Tensor:
        """Return the low frequencies over their largest magnitudes, (B, C, d, d); see `Context.values`."""
        return self._frequencies(x) / self.largest

    def expand(self, values: Tensor) -> Tensor:
        """Return the pictures of low frequencies, the others 0, (B, C, D, D); see `Context.expand`."""
        c = self._rows(values)
        with torch.autocast(values.device.type, enabled=False):
            return c.T @ (values * self.largest) @ c + self.config.centre

    def _frequencies(self, x: Tensor) -> Tensor:
        c = self._rows(x)
        with torch.autocast(x.device.type, enabled=False):
            return c @ (x - self.config.centre) @ c.T

    def _rows(self, like: Tensor) -> Tensor:
        """Return the low frequencies of the DCT matrix, (d, D)."""
        return dct_matrix(self.config.side)[: self.config.size].to(like)


class DrawnContext(DctContext):
    """This context has the quantiser of the released code, for parity: 2^b = `half` bins of -1..1, none around zero.

    Symbols are odd, 1 - half .. half - 1 or, by the noise, one beyond; values near the edge of a bin, as zero is, fall
    into either. It is no function of the picture, and no decoder's posterior without the entropy of the draw.
    """

    def symbols(self, x: Tensor) -> Tensor:
        """Draw the integers, as float (B, C, d, d), of pictures (B, C, D, D) in 0..1, by the default generator."""
        position = self._position(x)
        noise = _NOISE * (2 * torch.rand_like(position) - 1)
        return 2 * torch.floor(position + noise) + 1 - self.config.half

    def entropy(self, x: Tensor) -> Tensor:
        """Return the entropy of the draw of `symbols`, (B,) nats: what the released code counts as nothing."""
        position = self._position(x)
        to_edge = (position - position.round()).abs()
        p = ((_NOISE - to_edge) / (2 * _NOISE)).clamp_min(0)
        return -(torch.special.xlogy(p, p) + torch.special.xlogy(1 - p, 1 - p)).flatten(1).sum(1)

    def _position(self, x: Tensor) -> Tensor:
        """Return the values in units of bins, 0 .. 2^b."""
        return ((self.values(x.float()).clamp(-1, 1) + 1) / 2).clamp_max(0.999) * self.config.half


class DownsampleContext(Context):
    """This context is a picture made smaller by averaging, and made large again by its nearest neighbours."""

    def values(self, x: Tensor) -> Tensor:
        """Return the averages, -1 black and 1 white, (B, C, d, d); see `Context.values`."""
        return 2 * F.adaptive_avg_pool2d(x, self.config.size) - 1

    def expand(self, values: Tensor) -> Tensor:
        """Return the pictures in which every average fills its place, (B, C, D, D); see `Context.expand`."""
        return F.interpolate((values + 1) / 2, size=(self.config.side, self.config.side), mode="nearest")


_CONTEXTS: dict[Kind, type[Context]] = {"dct": DctContext, "downsample": DownsampleContext, "dct-drawn": DrawnContext}


def make_context(config: ContextConfig) -> Context:
    """Make the context of a configuration; its stored values come from `fit` or a state dict."""
    return _CONTEXTS[config.kind](config)


def binned_normal(symbols: Tensor, mean: Tensor, log_sigma: Tensor, half: int) -> Tensor:
    """Return the log mass of integers -half..half under a normal over symbol / half, elementwise, in nats.

    arXiv:2302.09976, eqs. (14) and (15). All arguments broadcast; mean and sigma are on the scale of symbol / half. A
    bin reaches half way to its neighbours, the outer ones to infinity: the masses sum to one. (The published code makes
    bins wider than their distance; its probabilities sum to up to 2.)
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
