"""Normals over a grid of latents, for a coder that is a stack: what was pushed pops again, and bits pop as samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any

import constriction
import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.latents import Gaussian

DEVIATIONS = 5.5  # from its mean within which a posterior is sampled
_LEAST_SIGMA = 0.1  # in steps


@dataclass(frozen=True)
class Grid:
    """The points that latents lie on: multiples of `step`, up to `reach` if there is one.

    On a stack they are int32, in steps.
    """

    step: float
    reach: float = inf

    def push(self, coder: Any, points: np.ndarray, p: Gaussian) -> None:
        """Push any points up to the reach, flat int32, under p."""
        coder.encode_reverse(points, _normals(self._bound), *self._in_steps(p))

    def pop(self, coder: Any, p: Gaussian) -> np.ndarray:
        """Pop the points that `push` pushed under p, flat int32."""
        return np.asarray(coder.decode(_normals(self._bound), *self._in_steps(p)))

    def pop_sample(self, coder: Any, q: Gaussian, deviations: float = DEVIATIONS) -> np.ndarray:
        """Pop a sample of q, flat int32, made of bits from the stack.

        deviations: as far from the mean, and no more than twice that, a sample can lie.
        """
        points = np.empty(q.mean.numel(), np.int32)
        for at, reach, centre, mean, sigma in self._windows(q, deviations):
            points[at] = coder.decode(_normals(reach), mean, sigma) + centre
        return points

    def push_sample(self, coder: Any, points: np.ndarray, q: Gaussian, deviations: float = DEVIATIONS) -> None:
        """Push the points that `pop_sample` popped back onto the stack, as the bits that they were made of."""
        for at, reach, centre, mean, sigma in reversed(list(self._windows(q, deviations))):
            coder.encode_reverse((points[at] - centre).astype(np.int32), _normals(reach), mean, sigma)

    def values(self, points: np.ndarray, like: Tensor) -> Tensor:
        """Return the latents at points, of the shape and type of `like`."""
        return torch.from_numpy(points.astype(np.float64) * self.step).to(like.dtype).reshape(like.shape)

    def points(self, z: Tensor) -> np.ndarray:
        """Return the points nearest to latents, flat int32."""
        return np.asarray((z.flatten().double() / self.step).round().int().numpy())

    def nearest(self, z: Tensor) -> Tensor:
        """Return the latents at the points nearest to `z`."""
        return self.values(self.points(z), z)

    def _windows(
        self, q: Gaussian, deviations: float
    ) -> Iterator[tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray]]:
        """Group units of alike width; yield their places, the window's reach, its centres, and means and sigmas within.

        Every symbol of an alphabet has a least probability; over all of the grid, units without news would now and then
        be sampled anywhere. So a posterior has an alphabet of its own, of few deviations around its mean.
        """
        mean, sigma = self._in_steps(q)
        reach = 2 ** np.ceil(np.log2(deviations * sigma + 1)).astype(np.int64)
        centre = np.round(mean).astype(np.int64)
        if self.reach < inf:
            reach = np.minimum(reach, self._bound // 2)
            centre = np.clip(centre, reach - self._bound, self._bound - reach)
        for width in np.unique(reach):
            at = np.flatnonzero(reach == width)
            within = np.ascontiguousarray(mean[at] - centre[at])
            yield at, int(width), centre[at], within, np.ascontiguousarray(sigma[at])

    def _in_steps(self, normal: Gaussian) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation in steps, float64 flat."""
        mean = normal.mean.flatten().double().numpy() / self.step
        sigma = normal.log_sigma.flatten().double().exp().numpy() / self.step
        mean = np.clip(mean, -self.reach / self.step, self.reach / self.step)
        return np.ascontiguousarray(mean), np.ascontiguousarray(np.maximum(sigma, _LEAST_SIGMA))

    @property
    def _bound(self) -> int:
        return round(self.reach / self.step)


@cache
def _normals(reach: int) -> Any:
    """Return the family of normals over the integers -reach..reach."""
    return constriction.stream.model.QuantizedGaussian(-reach, reach)
