"""The encoder's search: symbols that minimise distortion + lagrangian * bits against the actual prior and generator.

Two tools, both deciding for every coefficient on the change of rate and distortion:
- `Rounder`, during the prior's walk: of the two multiples of the step around a coefficient the cheaper one, under the
  tables that the decoder will have at that point (rate-distortion optimised quantisation). One pass, no extra network;
  errors weigh what the generator's curvature says.
- `hvaecodec.codec.photo.refine.Refiner`, after it: the gradient of the generator's error by the coefficients shows
  what a coefficient should have been; targets move there, and the walk is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.by_shape import ByShape
from hvaecodec.codec.photo.chunk import Chunk
from hvaecodec.models.photo.quality import N_INDICES

Coefficients = Any  # an array (3, 32, 32, rows, columns), or `late_coefficients.LateCoefficients` of a wide slice


@dataclass(frozen=True)
class SearchConfig:
    """What the search weighs, and how far and how often it looks.

    lagrangian: what a bit is worth, in squared luma steps as the generator shows them (without a generator, at high
    rate, 2 ln 2 / 12 = 0.116 balances exactly).
    """

    lagrangian: float = 0.04
    # Part of the lagrangian where symbols are rounded once, from the coarsest step to the finest: errors cost more
    # together than each alone. And where refinement begins: from fewer symbols it does not come back in its passes.
    alone: tuple[float, float] = (0.3, 0.6)
    start: float = 0.5
    passes: tuple[int, int, int] = (0, 5, 24)  # refinements through the generator, by effort
    # Whether DCT blocks are chosen by the prior's prices where nothing is refined: refined ones are the worse for it.
    priced: tuple[bool, bool, bool] = (False, False, True)
    trust: float = 1.0  # exponent of the generator's curvature in the weights; 0 leaves the generator out
    floor: float = 0.45  # least curvature: a large step costs more than the local curvature says
    paces: tuple[float, float] = (0.6, 0.12)  # how far targets move to where the gradient points, first pass and last
    onward: float = 1.2  # factor of a target's stride after it went on in one direction
    reach: float = 1.0  # how far from its coefficient a target may go, in steps
    adapted: float = 0.2  # pace of the adaptation's coefficients relative to the symbols'; 0 leaves them out


def once(config: SearchConfig, step_index: int, refined: bool) -> SearchConfig:
    """Return the settings for rounding once at a step index: a smaller lagrangian. refined: whether more follows."""
    part = config.start if refined else float(np.interp(step_index, (0, N_INDICES - 1), config.alone))
    return replace(config, lagrangian=part * config.lagrangian)


class Rounder:
    """A `streams.Decide` that rounds targets by distortion + lagrangian * bits.

    targets: float32 (3, 32, 32, rows, columns) in units of their steps, the coefficients or what they should have been;
    or what gives the coefficients place by place.
    weight: what a squared error of one step costs, in squared luma steps.
    """

    def __init__(self, targets: Coefficients, weight: ByShape, tables: Tables, config: SearchConfig) -> None:
        self.targets, self.weight, self.tables, self.config = targets, weight, tables, config

    def __call__(self, chunk: Chunk) -> np.ndarray:
        """Choose the symbols of a chunk, int32 in its shape."""
        at = chunk.place
        target = at.take(self.targets) if isinstance(self.targets, np.ndarray) else self.targets.take(at)
        near = np.rint(target).astype(np.int32)
        other = near + np.where(target < near, -1, 1).astype(np.int32)
        # Only a target whose other neighbour is nearer to the mean can gain; most are zero already.
        means = chunk.coding.means
        some = np.flatnonzero(np.abs(other - means) < np.abs(near - means))
        symbols = near.ravel()
        if len(some):
            ours, theirs = symbols[some], other.ravel()[some]
            better = self._gain(chunk, some, target, (ours, theirs)) < 0
            symbols[some[better]] = theirs[better]
        return symbols.reshape(near.shape)

    def _gain(
        self, chunk: Chunk, some: np.ndarray, target: np.ndarray, choice: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """What the cost changes by, (N,), if the symbols at flat positions `some` become the second of the choice."""
        weight = chunk.place.values(self.weight).ravel()[some]
        target, coding = target.ravel()[some], chunk.flat(some)
        ours, theirs = (
            weight * (target - symbols) ** 2 + self.config.lagrangian * self.tables.cost(symbols, *coding)
            for symbols in choice
        )
        return theirs - ours
