"""RealNVP as a prior over a grid of latents: an invertible map to normal noise with a known determinant.

arXiv:1605.08803, in the two scales of the srVAE's released code: checkerboard couplings, channel-wise couplings on
2x2 blocks, then checkerboard couplings on half of the channels of 2x2 blocks.

Latents go through the couplings as float64, the nets within stay in their own type: the way back then gives every net
what it saw on the way there, and is exact however much a net enlarges differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.dense import Conv, Dense, DenseLayer

_DIAGONAL = (0, 3, 1, 2)  # pixels of a 2x2 block: the upper left and lower right ones make up the first half


class Coupling(nn.Module):
    """Scales and shifts a part of the latents by what a net makes of the rest. v = (z + t) exp(s)."""

    def __init__(self, channels: int, kind: Literal["checkerboard", "channels"], first: bool, dense: Dense) -> None:
        super().__init__()
        self.kind, self.first = kind, first
        seen = channels // 2 if kind == "channels" else channels
        self.layer = DenseLayer(seen, dense.growth, dense.steps)
        self.last = Conv(self.layer.outputs, 2 * seen, 3)
        self.scale = nn.Parameter(torch.ones(seen, 1, 1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z to v, and the log of the determinant, (B,)."""
        fixed, s, t, moving = self._parts(z)
        return self._joined(fixed, (moving + t) * torch.exp(s)), s.flatten(1).sum(1)

    def inverse(self, v: Tensor) -> Tensor:
        """v to z."""
        fixed, s, t, moving = self._parts(v)
        return self._joined(fixed, moving * torch.exp(-s) - t)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What stays, s and t that it gives, and what they move. A checkerboard's parts have zeros in the others' place."""
        if self.kind == "channels":
            fixed, moving = x.chunk(2, 1) if self.first else x.chunk(2, 1)[::-1]
            return fixed, *self._scale_and_shift(fixed), moving
        board = _checkerboard(x, self.first)
        s, t = self._scale_and_shift(x * board)
        return x * board, s * (1 - board), t * (1 - board), x * (1 - board)

    def _scale_and_shift(self, fixed: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self.last(self.layer(fixed.to(self.scale.dtype))).to(fixed.dtype).chunk(2, 1)
        return self.scale * torch.tanh(s), t

    def _joined(self, fixed: Tensor, moved: Tensor) -> Tensor:
        if self.kind == "checkerboard":
            return fixed + moved
        return torch.cat([fixed, moved] if self.first else [moved, fixed], 1)


def _checkerboard(x: Tensor, first: bool) -> Tensor:
    """(H, W) of ones and zeros, the upper left a one if not `first`."""
    rows, columns = (torch.arange(n, device=x.device) for n in x.shape[-2:])
    return ((rows[:, None] + columns + first) % 2 == 0).to(x.dtype)


class RealNVP(nn.Module):
    """shape: (C, H, W) of the latents, C even, H and W multiples of 4. dense: of the nets within the couplings."""

    def __init__(self, shape: tuple[int, int, int], dense: Dense) -> None:
        super().__init__()
        channels, height, width = shape
        if channels % 2 or height % 4 or width % 4:
            raise ValueError(f"latents of {shape} do not split; channels must be even, height and width multiples of 4")
        self.shape = shape
        turns = (True, False, True, False)
        self.fine = _couplings(channels, "checkerboard", turns[:3], dense)
        self.blocks = _couplings(4 * channels, "channels", turns[:3], dense)
        self.coarse = _couplings(2 * channels, "checkerboard", turns, dense)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) latents to noise of the same shape, and the log of the determinant, (B,); both float64."""
        z, total = _through(self.fine, z.double())
        z, more = _through(self.blocks, F.pixel_unshuffle(z, 2))
        total = total + more
        kept, rest = _by_diagonals(F.pixel_shuffle(z, 2)).chunk(2, 1)
        kept, more = _through(self.coarse, kept)
        return _from_diagonals(torch.cat([kept, rest], 1)), total + more

    def inverse(self, v: Tensor) -> Tensor:
        """Noise to latents, float64."""
        kept, rest = _by_diagonals(v.double()).chunk(2, 1)
        kept = _back(self.coarse, kept)
        z = _back(self.blocks, F.pixel_unshuffle(_from_diagonals(torch.cat([kept, rest], 1)), 2))
        return _back(self.fine, F.pixel_shuffle(z, 2))

    def log_prob(self, z: Tensor) -> Tensor:
        """(B,) nats, of the type of z."""
        v, log_determinant = self(z)
        return (log_determinant - 0.5 * (v**2 + math.log(2 * math.pi)).flatten(1).sum(1)).to(z.dtype)

    def sample(self, noise: Tensor) -> Tensor:
        """Latents of (B, C, H, W) standard normal noise, of its type."""
        return self.inverse(noise).to(noise.dtype)


def _couplings(
    channels: int, kind: Literal["checkerboard", "channels"], turns: Sequence[bool], dense: Dense
) -> nn.ModuleList:
    return nn.ModuleList(Coupling(channels, kind, first, dense) for first in turns)


def _through(couplings: nn.ModuleList, z: Tensor) -> tuple[Tensor, Tensor]:
    total = z.new_zeros(len(z))
    for coupling in couplings:
        z, log_determinant = coupling(z)
        total = total + log_determinant
    return z, total


def _back(couplings: nn.ModuleList, v: Tensor) -> Tensor:
    for coupling in reversed(couplings):
        v = coupling.inverse(v)
    return v


def _by_diagonals(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 4 C, H / 2, W / 2), pixels of a block in the order of `_DIAGONAL`, each with all channels."""
    blocks = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))  # (B, C, 4, h, w)
    return blocks[:, :, _DIAGONAL].transpose(1, 2).flatten(1, 2)


def _from_diagonals(x: Tensor) -> Tensor:
    """The opposite of `_by_diagonals`."""
    blocks = x.unflatten(1, (4, -1)).transpose(1, 2)  # (B, C, 4, h, w)
    order = [_DIAGONAL.index(pixel) for pixel in range(4)]
    return F.pixel_shuffle(blocks[:, :, order].flatten(1, 2), 2)
