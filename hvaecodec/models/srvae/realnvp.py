"""RealNVP as a prior over a grid of latents: an invertible map to normal noise with a known determinant.

arXiv:1605.08803, in the two scales of the srVAE's released code: checkerboard couplings, channel-wise couplings on
2x2 blocks, then checkerboard couplings on half of the channels of 2x2 blocks.

Latents go through the couplings as float64, the nets within stay in their own type: the way back then gives every net
what it saw on the way there, and is exact however much a net enlarges differences.
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
        s, t = self.scale_and_shift(z)
        return (z + t) * torch.exp(s), s.flatten(1).sum(1)

    def inverse(self, v: Tensor) -> Tensor:
        """v to z."""
        s, t = self.scale_and_shift(v)
        return v * torch.exp(-s) - t

    def scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, of the shape of x: zeros where latents stay, and for the others what those make of them."""
        if self.kind == "checkerboard":
            moving = self.moving(x)
            s, t = self._net(x * (1 - moving))
            return s * moving, t * moving
        parts = self._net(x.chunk(2, 1)[1 - self.first])
        still = torch.zeros_like(parts[0])
        s, t = (torch.cat([still, part] if self.first else [part, still], 1) for part in parts)
        return s, t

    def moving(self, x: Tensor) -> Tensor:
        """Ones for the latents that move, zeros for those that stay; it broadcasts to x, (B, C, H, W)."""
        if self.kind == "checkerboard":
            rows, columns = (torch.arange(n, device=x.device) for n in x.shape[-2:])
            return ((rows[:, None] + columns + self.first) % 2 == 1).to(x.dtype)
        first_half = (torch.arange(x.shape[1], device=x.device) < x.shape[1] // 2)[:, None, None]
        return (first_half != self.first).to(x.dtype)

    def _net(self, fixed: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self.last(self.layer(fixed.to(self.scale.dtype))).to(fixed.dtype).chunk(2, 1)
        return self.scale * torch.tanh(s), t


Step = Callable[[Coupling, Tensor], Tensor]  # one coupling, there or back


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
        parts: list[Tensor] = []

        def step(coupling: Coupling, z: Tensor) -> Tensor:
            v, log_determinant = coupling(z)
            parts.append(log_determinant)
            return v

        v = self.walk(z.double(), step)
        return v, torch.stack(parts).sum(0)

    def inverse(self, v: Tensor) -> Tensor:
        """Noise to latents, float64."""
        return self.walk_back(v.double(), Coupling.inverse)

    def walk(self, z: Tensor, step: Step) -> Tensor:
        """All couplings from latents to noise, each as `step` does it."""
        z = _each(self.fine, z, step)
        z = F.pixel_shuffle(_each(self.blocks, F.pixel_unshuffle(z, 2), step), 2)
        kept, rest = _by_diagonals(z).chunk(2, 1)
        return _from_diagonals(torch.cat([_each(self.coarse, kept, step), rest], 1))

    def walk_back(self, v: Tensor, step: Step) -> Tensor:
        """The same couplings from noise to latents."""
        kept, rest = _by_diagonals(v).chunk(2, 1)
        z = _from_diagonals(torch.cat([_each(reversed(self.coarse), kept, step), rest], 1))
        z = F.pixel_shuffle(_each(reversed(self.blocks), F.pixel_unshuffle(z, 2), step), 2)
        return _each(reversed(self.fine), z, step)

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


def _each(couplings: Iterable[nn.Module], x: Tensor, step: Step) -> Tensor:
    for coupling in couplings:
        x = step(cast("Coupling", coupling), x)
    return x


def _by_diagonals(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 4 C, H / 2, W / 2), pixels of a block in the order of `_DIAGONAL`, each with all channels."""
    blocks = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))  # (B, C, 4, h, w)
    return blocks[:, :, _DIAGONAL].transpose(1, 2).flatten(1, 2)


def _from_diagonals(x: Tensor) -> Tensor:
    """The opposite of `_by_diagonals`."""
    blocks = x.unflatten(1, (4, -1)).transpose(1, 2)  # (B, C, 4, h, w)
    order = [_DIAGONAL.index(pixel) for pixel in range(4)]
    return F.pixel_shuffle(blocks[:, :, order].flatten(1, 2), 2)
