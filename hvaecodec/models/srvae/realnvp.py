"""RealNVP is a prior over a grid of latents: an invertible map to normal noise with a known determinant.

arXiv:1605.08803 (srVAE's paper, arXiv:2006.05218, eqs. (2) and (3), has it as a prior), in the two scales of the
srVAE's released code: checkerboard couplings, channel-wise couplings on 2x2 blocks, then checkerboard couplings on half
of the channels of 2x2 blocks.

Latents go through the couplings as float64, the nets within stay in their own type: the way back then gives every net
what it saw on the way there, and is exact however much a net enlarges differences. z are latents, v noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.srvae.dense import Conv, Dense, DenseLayer

_DIAGONAL = (0, 3, 1, 2)  # pixels of a 2x2 block: the upper left and lower right ones make up the first half


class Coupling(nn.Module):
    """A coupling scales and shifts a part of the latents by what a net makes of the rest: v = (z + t) exp(s).

    arXiv:1605.08803, section 3.2, has z exp(s) + t; the order is that of srVAE's released code. The masks are those of
    section 3.4.
    """

    def __init__(self, channels: int, kind: Literal["checkerboard", "channels"], first: bool, dense: Dense) -> None:
        """Make a coupling with random weights.

        kind: whether every second place moves or half of the channels. first: whether the places move whose row and
        column have an even sum, the others otherwise; or whether the lower channels stay, the upper ones otherwise.
        dense: of the net.
        """
        super().__init__()
        self.kind, self.first = kind, first
        width = channels // 2 if kind == "channels" else channels
        self.layer = DenseLayer(width, dense.growth, dense.steps)
        self.last = Conv(self.layer.outputs, 2 * width, 3)
        self.scale = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Take z (B, C, H, W) to v; return it and the log of the determinant, (B,)."""
        s, t = self.scale_and_shift(z)
        return (z + t) * torch.exp(s), s.flatten(1).sum(1)

    def inverse(self, v: Tensor) -> Tensor:
        """Take v (B, C, H, W) back to z."""
        s, t = self.scale_and_shift(v)
        return v * torch.exp(-s) - t

    def scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, of the shape of x: zeros where latents stay, for the others what the net makes of those."""
        if self.kind == "checkerboard":
            moving = self.moving(x)
            s, t = self._net(x * (1 - moving))
            return s * moving, t * moving
        halves = self._net(x.chunk(2, 1)[1 - self.first])
        still = torch.zeros_like(halves[0])
        s, t = (torch.cat([still, half] if self.first else [half, still], 1) for half in halves)
        return s, t

    def moving(self, x: Tensor) -> Tensor:
        """Return ones for the latents that move and zeros for those that stay; it broadcasts to x, (B, C, H, W)."""
        if self.kind == "checkerboard":
            rows, columns = (torch.arange(n, device=x.device) for n in x.shape[-2:])
            return ((rows[:, None] + columns + self.first) % 2 == 1).to(x.dtype)
        first_half = (torch.arange(x.shape[1], device=x.device) < x.shape[1] // 2)[:, None, None]
        return (first_half != self.first).to(x.dtype)

    def _net(self, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t for the latents that move, of the shape and type of those that stay."""
        s, t = self.last(self.layer(fixed.to(self.scale.dtype))).to(fixed.dtype).chunk(2, 1)
        return self.scale * torch.tanh(s), t


Step = Callable[[Coupling, Tensor], Tensor]  # one coupling, there or back


class RealNVP(nn.Module):
    """This flow is a density over latents: couplings at full resolution, on 2x2 blocks, and on half of them."""

    def __init__(self, shape: tuple[int, int, int], dense: Dense) -> None:
        """Make a flow with random weights.

        shape: (C, H, W) of the latents. dense: of the nets within the couplings. Raises ValueError unless C is even and
        H and W are multiples of 4.
        """
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
        """Take latents (B, C, H, W) to noise of that shape; return it and the log of the determinant, (B,), float64."""
        log_determinants: list[Tensor] = []

        def step(coupling: Coupling, z: Tensor) -> Tensor:
            v, log_determinant = coupling(z)
            log_determinants.append(log_determinant)
            return v

        v = self.walk(z.double(), step)
        return v, torch.stack(log_determinants).sum(0)

    def inverse(self, v: Tensor) -> Tensor:
        """Take noise (B, C, H, W) to latents, float64."""
        return self.walk_back(v.double(), Coupling.inverse)

    def walk(self, z: Tensor, step: Step) -> Tensor:
        """Go through all couplings from latents (B, C, H, W) to noise, each as `step` does it."""
        z = _each(self.fine, z, step)
        z = F.pixel_shuffle(_each(self.blocks, F.pixel_unshuffle(z, 2), step), 2)
        moving, rest = _by_diagonals(z).chunk(2, 1)
        return _from_diagonals(torch.cat([_each(self.coarse, moving, step), rest], 1))

    def walk_back(self, v: Tensor, step: Step) -> Tensor:
        """Go through the same couplings from noise (B, C, H, W) to latents, each as `step` does it."""
        moving, rest = _by_diagonals(v).chunk(2, 1)
        z = _from_diagonals(torch.cat([_each(reversed(self.coarse), moving, step), rest], 1))
        z = F.pixel_shuffle(_each(reversed(self.blocks), F.pixel_unshuffle(z, 2), step), 2)
        return _each(reversed(self.fine), z, step)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of latents z (B, C, H, W): (B,) nats, of the type of z.

        arXiv:1605.08803, section 3.1.
        """
        v, log_determinant = self(z)
        return (log_determinant - 0.5 * (v**2 + math.log(2 * math.pi)).flatten(1).sum(1)).to(z.dtype)

    def sample(self, noise: Tensor) -> Tensor:
        """Return the latents that standard normal noise (B, C, H, W) stands for, of its type."""
        return self.inverse(noise).to(noise.dtype)


def _couplings(
    channels: int, kind: Literal["checkerboard", "channels"], turns: Sequence[bool], dense: Dense
) -> nn.ModuleList:
    """Make a coupling for each of the turns, which are its `first`."""
    return nn.ModuleList(Coupling(channels, kind, first, dense) for first in turns)


def _each(couplings: Iterable[nn.Module], x: Tensor, step: Step) -> Tensor:
    """Return x after a step for each of the couplings."""
    for coupling in couplings:
        x = step(cast("Coupling", coupling), x)
    return x


def _by_diagonals(x: Tensor) -> Tensor:
    """Rearrange (B, C, H, W) to (B, 4 C, H / 2, W / 2).

    The pixels of a block come in the order of `_DIAGONAL`, each with all of its channels.
    """
    blocks = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))  # (B, C, 4, h, w)
    return blocks[:, :, _DIAGONAL].transpose(1, 2).flatten(1, 2)


def _from_diagonals(x: Tensor) -> Tensor:
    """Undo `_by_diagonals`."""
    blocks = x.unflatten(1, (4, -1)).transpose(1, 2)  # (B, C, 4, h, w)
    order = [_DIAGONAL.index(pixel) for pixel in range(4)]
    return F.pixel_shuffle(blocks[:, :, order].flatten(1, 2), 2)
