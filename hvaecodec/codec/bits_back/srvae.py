"""How one picture goes onto the stack with a super-resolution VAE, or with the single-level VAE beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.bits_back.flow import GRID as FLOW_GRID
from hvaecodec.codec.bits_back.flow import flow_numbers, pop_latents, push_latents
from hvaecodec.codec.bits_back.gaussian_grid import Grid
from hvaecodec.codec.bits_back.likelihoods import picture_tables, pop_picture, push_picture
from hvaecodec.models.srvae.srvae import LIKELIHOOD, SingleVae, SrVae, downscaled

GRID = Grid(1 / 32, 64.0)  # of z under a normal


class SrVaeStack:
    """The `PictureStack` of an `SrVae`. y goes onto the stack as well: x does not follow from it, but it from x."""

    levels = LIKELIHOOD.levels

    def __init__(self, net: SrVae) -> None:
        self.net, side = net, net.config.side
        self.shape, self._small = (3, side, side), (3, side // 2, side // 2)
        self.units = 2 * net.config.latent * (side // 4) ** 2

    def push(self, coder: Any, x: Tensor) -> float:
        """Push a picture as `PictureStack.push` states."""
        net, y = self.net, _y(x)
        q_u, q_z = net.posterior_u(y), net.posterior_z(x)
        at_u, at_z = FLOW_GRID.pop_sample(coder, q_u), GRID.pop_sample(coder, q_z)
        u, z = FLOW_GRID.values(at_u, q_u.mean), GRID.values(at_z, q_z.mean)
        push_picture(coder, LIKELIHOOD, net.x_parameters(y, z), x)
        GRID.push(coder, at_z, net.prior_z(y, u))
        push_picture(coder, LIKELIHOOD, net.p_y(u), y)
        push_latents(coder, net.p_u, at_u)
        return float(sum(net.terms_at(x, y, u, z, q_u=q_u, q_z=q_z).values()))

    def pop(self, coder: Any) -> Tensor:
        """Pop a picture as `PictureStack.pop` states."""
        net = self.net
        at_u = pop_latents(coder, net.p_u)
        u = FLOW_GRID.values(at_u, torch.empty(1, *net.p_u.shape))
        y = pop_picture(coder, LIKELIHOOD, net.p_y(u), self._small)
        at_z = GRID.pop(coder, net.prior_z(y, u))
        x = pop_picture(coder, LIKELIHOOD, net.x_parameters(y, GRID.values(at_z, u)), self.shape)
        GRID.push_sample(coder, at_z, net.posterior_z(x))
        FLOW_GRID.push_sample(coder, at_u, net.posterior_u(y))
        return x

    def numbers(self, x: Tensor) -> list[np.ndarray]:
        """Return the numbers of a picture as `PictureStack.numbers` states."""
        net, y = self.net, _y(x)
        q_u, q_z = net.posterior_u(y), net.posterior_z(x)
        u, z = FLOW_GRID.nearest(q_u.mean), GRID.nearest(q_z.mean)
        p_z = net.prior_z(y, u)
        normals = [part.numpy() for normal in (q_u, q_z, p_z) for part in (normal.mean, normal.log_sigma)]
        pictures = picture_tables(LIKELIHOOD, net.x_parameters(y, z), x) + picture_tables(LIKELIHOOD, net.p_y(u), y)
        return normals + pictures + flow_numbers(net.p_u, u)


class SingleVaeStack:
    """The `PictureStack` of a `SingleVae`."""

    levels = LIKELIHOOD.levels

    def __init__(self, net: SingleVae) -> None:
        self.net, side = net, net.config.side
        self.shape, self.units = (3, side, side), net.config.latent * (side // 4) ** 2

    def push(self, coder: Any, x: Tensor) -> float:
        """Push a picture as `PictureStack.push` states."""
        net, q = self.net, self.net.posterior(x)
        points = FLOW_GRID.pop_sample(coder, q)
        z = FLOW_GRID.values(points, q.mean)
        push_picture(coder, LIKELIHOOD, net.p_x(z), x)
        push_latents(coder, net.p_z, points)
        return float(sum(net.terms_at(x, z, q).values()))

    def pop(self, coder: Any) -> Tensor:
        """Pop a picture as `PictureStack.pop` states."""
        points = pop_latents(coder, self.net.p_z)
        z = FLOW_GRID.values(points, torch.empty(1, *self.net.p_z.shape))
        x = pop_picture(coder, LIKELIHOOD, self.net.p_x(z), self.shape)
        FLOW_GRID.push_sample(coder, points, self.net.posterior(x))
        return x

    def numbers(self, x: Tensor) -> list[np.ndarray]:
        """Return the numbers of a picture as `PictureStack.numbers` states."""
        q = self.net.posterior(x)
        z = FLOW_GRID.nearest(q.mean)
        tables = picture_tables(LIKELIHOOD, self.net.p_x(z), x)
        return [q.mean.numpy(), q.log_sigma.numpy(), *tables, *flow_numbers(self.net.p_z, z)]


def _y(x: Tensor) -> Tensor:
    return downscaled(x).contiguous()  # as it comes off the stack: other strides give other last digits
