"""The encoder's search: symbols that minimise distortion + lambda * rate against the actual prior and generator.

Two tools, both deciding per coefficient on the change of rate and distortion:
- `Rounder`, during the prior's walk: of the two multiples of the step around a coefficient the cheaper in
  distortion + lambda * bits, under the tables the decoder will have at that point (rate-distortion optimised
  quantisation). One pass, no extra network; errors weigh what the generator's curvature says.
- `encoder._refine`, after it: the gradient of the generator's error with respect to the coefficients tells what a
  coefficient should have been; targets move there, at a pace that the cost decides, and the walk is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.streams import chunk_of, step_symbols
from hvaecodec.models.photo.layout import Step


@dataclass(frozen=True)
class SearchConfig:
    """lagrangian: price of a bit, in squared luma steps as the generator shows them (without one, at high rate,
    2 ln 2 / 12 = 0.116 balances exactly)."""

    lagrangian: float = 0.03
    passes: tuple[int, int, int] = (0, 7, 24)  # refinements through the generator, by effort
    trust: float = 1.0  # exponent of the generator's curvature in the weights; 0 leaves the generator out
    floor: float = 0.15  # least curvature: a large step costs more than the local curvature says
    pace: float = 0.5  # how far targets move at first to where the gradient points; where curvature is low, by its root
    faster: float = 1.3  # factor of the pace after a pass that helped, up to 1
    slower: float = 0.5  # and after one that did not
    context: float = 1.0  # weight of the bits that a symbol costs later (`models.photo.later_bits`)
    reach: float = 1.0  # how far from its coefficient a target may go, in steps


class Rounder:
    """A `symbols.Decide` that rounds coefficients by distortion + lagrangian * bits.

    coefficients: float32 (3, 32, 32, rows, columns) in units of their steps. weight: (3, 32, 32), what a squared error
    of one step costs, in squared luma steps.
    """

    def __init__(
        self,
        coefficients: np.ndarray,
        weight: np.ndarray,
        tables: Tables,
        config: SearchConfig,
        context: np.ndarray | None = None,
    ) -> None:
        self.coefficients, self.weight, self.tables = coefficients, weight, tables
        self.config, self.context = config, context

    def __call__(
        self, level: int, step: Step | None, where: Any, table: np.ndarray, mean: np.ndarray, sign: np.ndarray
    ) -> np.ndarray:
        c = chunk_of(self.coefficients, step, where)
        if step is None:
            channels, _ = where
            weight = self.weight[channels, 0, 0][:, None]
        else:
            weight = step_symbols(self.weight[..., None, None], step, slice(0, 1))
        near = np.rint(c).astype(np.int32)
        other = near + np.where(c < near, -1, 1).astype(np.int32)
        # Only a coefficient whose neighbouring multiple is nearer to the mean can gain; most are zero already.
        index = np.flatnonzero(np.abs(other - mean) < np.abs(near - mean))
        if len(index):
            shape = near.shape
            w = np.broadcast_to(weight, shape).ravel()[index]
            flat = [part.ravel()[index] for part in (c, near, other, table, mean, sign)]
            cost = self._cost(w, flat[0], flat[2], *flat[3:]) - self._cost(w, flat[0], flat[1], *flat[3:])
            if self.context is not None and step is not None:
                signed, size = (chunk_of(part, step, where).ravel()[index] for part in self.context)
                later = [signed * np.sign(q) * np.log1p(np.abs(q)) + size * np.log1p(np.abs(q)) for q in flat[1:3]]
                cost = cost + self.config.lagrangian * self.config.context * (later[1] - later[0])
            take = index[cost < 0]
            near = near.ravel()
            near[take] = other.ravel()[take]
            near = near.reshape(shape)
        return near

    def _cost(self, weight: Any, c: Any, symbol: Any, table: Any, mean: Any, sign: Any) -> np.ndarray:
        return weight * (c - symbol) ** 2 + self.config.lagrangian * self.tables.cost(symbol, table, mean, sign)
