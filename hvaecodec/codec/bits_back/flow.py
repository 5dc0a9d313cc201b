"""Latents under a RealNVP, for a coder that is a stack: local bits-back coding (arXiv:1905.08500).

A flow maps points of a grid beside the grid. So every coupling pops v near f(z) off the stack and pushes z near
f^-1(v); both widths are in the ratio of the scale, and what is left to pay is the log of the determinant, whatever v
was popped. v goes on, and the last is noise.
"""

from __future__ import annotations

from functools import cache
from math import log
from typing import Any

import constriction
import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.bits_back.gaussian_grid import DEVIATIONS, Grid
from hvaecodec.codec.errors import CodecError
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.srvae.realnvp import Coupling, RealNVP

GRID = Grid(1 / 1024)
_NEAR = log(4 * GRID.step)  # log sigma of v and of z around one another; of the wider one where the scale is not 1
# A window has up to twice its deviations, for it is a power of two, and half of one is for rounding both points: z is
# never farther from f^-1(v), in deviations, than v from f(z).
_BACK = 2 * DEVIATIONS + 1
_COARSE = Grid(1 / 16, 1024.0)  # of the noise: finer than that, a normal is flat
_FINER = round(_COARSE.step / GRID.step)
_FAR = 2.0**20  # points are int32
_TOO_FAR = "the latents of a picture are too far from all that the net knows to be coded"


def push_latents(coder: Any, flow: RealNVP, points: np.ndarray) -> None:
    """Push one latent of the flow's shape onto the stack. points: of `GRID`, flat int32.

    Raises CodecError if they are far from all that the flow knows.
    """

    def step(coupling: Coupling, z: Tensor) -> Tensor:
        moving, s, t = _moves(coupling, z)
        near = _forth(z[moving], s, t)
        if near.mean.abs().max() > _FAR:
            raise CodecError(_TOO_FAR)
        v = GRID.pop_sample(coder, near)
        out = z.clone()
        out[moving] = GRID.values(v, s)
        GRID.push_sample(coder, GRID.points(z[moving]), _back(out[moving], s, t), _BACK)
        return out

    noise = flow.walk(GRID.values(points, _like(flow)), step)
    _push_noise(coder, GRID.points(noise))


def pop_latents(coder: Any, flow: RealNVP) -> np.ndarray:
    """Pop the points that `push_latents` pushed, flat int32; the stack is left as it was before."""

    def step(coupling: Coupling, v: Tensor) -> Tensor:
        moving, s, t = _moves(coupling, v)
        z = GRID.pop_sample(coder, _back(v[moving], s, t), _BACK)
        out = v.clone()
        out[moving] = GRID.values(z, s)
        GRID.push_sample(coder, GRID.points(v[moving]), _forth(out[moving], s, t))
        return out

    return GRID.points(flow.walk_back(GRID.values(_pop_noise(coder, _like(flow).numel()), _like(flow)), step))


def flow_numbers(flow: RealNVP, z: Tensor) -> list[np.ndarray]:
    """Return the numbers that `push_latents` codes a latent with, each v the nearest point instead of a sample."""
    numbers: list[np.ndarray] = []

    def step(coupling: Coupling, z: Tensor) -> Tensor:
        s, t = coupling.scale_and_shift(z.contiguous())
        numbers.extend((s.numpy(), t.numpy()))
        return GRID.nearest((z + t) * torch.exp(s))

    flow.walk(GRID.nearest(z.double()), step)
    return numbers


def _moves(coupling: Coupling, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return which latents move, and the log-scales and shifts of these alone."""
    s, t = coupling.scale_and_shift(x.contiguous())  # else its strides, other ones there and back, decide about digits
    moving = coupling.moving(x).bool().expand_as(x)
    return moving, s[moving], t[moving]


def _forth(z: Tensor, s: Tensor, t: Tensor) -> Gaussian:
    """Return the normal of v around f(z) = (z + t) exp(s)."""
    return Gaussian((z + t) * torch.exp(s), _NEAR + s.clamp_min(0))


def _back(v: Tensor, s: Tensor, t: Tensor) -> Gaussian:
    """Return the normal of z around f^-1(v) = v exp(-s) - t, whose deviations are as many as those of v around f(z)."""
    return Gaussian(v * torch.exp(-s) - t, _NEAR + s.clamp_min(0) - s)


def _push_noise(coder: Any, points: np.ndarray) -> None:
    """Push points under a standard normal: the coarse point below, and which of the fine ones it is."""
    coarse, fine = np.divmod(points, _FINER)
    if np.abs(coarse).max() >= _COARSE.reach / _COARSE.step:
        raise CodecError(_TOO_FAR)
    coder.encode_reverse(fine.astype(np.int32), _uniform())
    _COARSE.push(coder, coarse.astype(np.int32), _below(len(points)))


def _pop_noise(coder: Any, n: int) -> np.ndarray:
    coarse = _COARSE.pop(coder, _below(n))
    return np.asarray(coarse * _FINER + coder.decode(_uniform(), n))


def _below(n: int) -> Gaussian:
    """Return the normal of the coarse points: half a step below the middle of what they stand for."""
    return Gaussian(torch.full((n,), -_COARSE.step / 2), torch.zeros(n))


@cache
def _uniform() -> Any:
    return constriction.stream.model.Uniform(_FINER)


def _like(flow: RealNVP) -> Tensor:
    return torch.zeros(1, *flow.shape, dtype=torch.float64)
