"""The encoder's refinement: walks repeated with targets that the gradient of the generator's error has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Encoding

MAX_LATER = 3 * 2**22  # coefficients; the gradient of the prior's bits keeps every activation
MAX_REFINED = 3 * 2**26  # coefficients; refining keeps five arrays of them, which would not fit beside larger ones


class Trial(NamedTuple):
    """An encoding, the targets that it was rounded from, its cost, and where the gradient would have each symbol."""

    encoding: Encoding
    targets: np.ndarray
    cost: float
    proposal: np.ndarray


@dataclass(frozen=True)
class Refiner:
    """Searches symbols through the generator.

    Let x_hat(q) be the generator's picture of symbols q and D(q) its squared error, summed over pixels and the three
    colour channels, in squared grey levels. With g the gradient of D by q, and w what a squared error of one step in a
    coefficient adds to D,

        D(q') ~ D(q) + g (q' - q) + w (q' - q)^2,    least where q' = q - g / 2w,

    which is what the coefficient should have been: the proposal, and the target of the next rounding.

    `source.weight` has w in the units of `Rounder`, the squared RGB error as the mean over the channels and in squared
    luma steps. D is a sum over 3 channels, and a luma step is delta grey levels; so w = 3 delta^2 weight, and the cost
    that `Rounder` minimises, sum(weight * error^2) + lagrangian * bits, becomes D + 3 delta^2 lagrangian * bits.

    All coefficients move at once, which the sum over single coefficients does not foresee. So they go a part of the
    way, least where their own curvature is low beside what they share with others (`slowness`); and a walk that made
    things worse is taken back and tried again at a slower pace.
    """

    source: Source
    config: SearchConfig
    with_later: bool  # whether rounding counts what a symbol costs later

    def refine(self, start: Encoding, passes: int) -> Encoding:
        """Return the cheapest of `start` and the encodings of so many further walks."""
        pace = self.config.pace
        best = self.judge(start, self.source.coefficients)
        for _ in range(passes):
            targets = self._move(best, pace)
            trial = self.judge(self._walk(targets, best.encoding), targets)
            if trial.cost < best.cost:
                best, pace = trial, pace * self.config.faster
            else:
                pace *= self.config.slower
        return best.encoding

    def judge(self, encoding: Encoding, targets: np.ndarray) -> Trial:
        """Return an encoding's cost, and where the gradient would have its symbols, q - g / 2w.

        targets: what it was rounded from, float32 (3, 32, 32, rows, columns).
        """
        source = self.source
        error, proposal = source.weights.nets.error_gradient(encoding.symbols, source.step_index, source.pixels)
        luma_step = float(source.weights.bitstream.delta[source.step_index])
        proposal /= (-2 * 3 * luma_step**2 * source.weight)[..., None, None]  # in place: these arrays are large
        proposal += encoding.symbols
        cost = error + 3 * self.config.lagrangian * luma_step**2 * sum(encoding.est_bits)
        return Trial(encoding, targets, cost, proposal)

    def _move(self, best: Trial, pace: float) -> np.ndarray:
        """New targets: part of the way from the best trial's to its proposal, within reach of the coefficients."""
        slowness = np.sqrt(np.minimum(self.source.curvature, 1))[..., None, None].astype(np.float32)
        part = np.minimum(np.float32(1), np.float32(pace) * slowness)
        targets = best.targets + part * (best.proposal - best.targets)
        coefficients, reach = self.source.coefficients, self.config.reach
        np.clip(targets, coefficients - reach, coefficients + reach, out=targets)
        return targets

    def _walk(self, targets: np.ndarray, last: Encoding) -> Encoding:
        """Encode the picture with symbols rounded from targets; what they cost later is that around the last ones."""
        source = self.source
        later = None
        if self.with_later and targets.size <= MAX_LATER:
            later = source.weights.nets.later_bits(last.symbols, source.step_index)
        tables = source.weights.bitstream.tables
        return source.encode(Rounder(targets, source.weight, tables, self.config, later))
