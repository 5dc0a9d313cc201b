"""The encoder's refinement: walks repeated with targets that the gradient of the generator's error has moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hvaecodec.codec.photo.adaptation import DIRECTIONS, Adaptation, curvature, scale_for, unit
from hvaecodec.codec.photo.context import join
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Encoding

MAX_LATER = 3 * 2**22  # coefficients; the gradient of the prior's bits keeps every activation
MAX_REFINED = 2**26  # pixels; refining keeps five arrays of coefficients, which would not fit beside larger ones


class Targets(NamedTuple):
    """What symbols are to be rounded from, slice by slice, and what the coefficients of the adaptation are."""

    symbols: list[np.ndarray]
    coefficients: np.ndarray


class Trial(NamedTuple):
    """Encodings of all slices, the targets they were rounded from, their cost, and where the gradient has each.

    targets, proposals: float32 (3, 32, 32, rows, columns) of every slice, and those of the adaptation's coefficients,
    float64 (64,), or (0,) where the generator takes none.
    """

    encodings: list[Encoding]
    targets: Targets
    cost: float
    proposals: Targets


@dataclass(frozen=True)
class Refiner:
    """Searches symbols through the generator.

    Let x_hat(q) be the generator's picture of symbols q and D(q) its squared error, summed over pixels and the three
    colour channels, in squared grey levels. With g the gradient of D by q, and w what a squared error of one step in a
    coefficient adds to D,

        D(q') ~ D(q) + g (q' - q) + w (q' - q)^2,    least where q' = q - g / 2w,

    which is what the coefficient should have been: the proposal, and the target of the next rounding.

    `Source.weight` has w in the units of `Rounder`, the squared RGB error as the mean over the channels and in squared
    luma steps. D is a sum over 3 channels, and a luma step is delta grey levels; so w = 3 delta^2 weight, and the cost
    that `Rounder` minimises, sum(weight * error^2) + lagrangian * bits, becomes D + 3 delta^2 lagrangian * bits.

    The coefficients of the adaptation are found alike; their w is the one that bases are scaled for.

    All coefficients move at once, which the sum over single coefficients does not foresee. So they go a part of the
    way, least where their own curvature is low beside what they share with others (`slowness`); and a walk that made
    things worse is taken back and tried again at a slower pace.
    """

    sources: list[Source]  # of all slices of the picture
    pixels: np.ndarray  # uint8 (H, W) or (H, W, 3)
    config: SearchConfig
    with_later: bool  # whether rounding counts what a symbol costs later

    def refine(self, start: list[Encoding], passes: int) -> list[Encoding]:
        """Return the cheapest of `start` and the encodings of so many further walks, slice by slice."""
        pace = self.config.pace
        best = self.judge(start, Targets([source.coefficients for source in self.sources], np.zeros(DIRECTIONS)))
        for _ in range(passes):
            trial = self._try(best, pace)
            if trial.cost < best.cost:
                best, pace = trial, pace * self.config.faster
            else:
                pace *= self.config.slower
        return best.encodings

    def judge(self, encodings: list[Encoding], targets: Targets) -> Trial:
        """Return the cost of encodings of all slices, and where the gradient would have what they were rounded from."""
        weights, adaptation = self.sources[0].weights, encodings[0].context.adaptation
        gradient = weights.gradients.error_gradient(join([encoding.context for encoding in encodings]), self.pixels)
        proposals, top = [], 0
        for source, encoding in zip(self.sources, encodings, strict=True):
            proposal = gradient.by_symbol[..., top : top + source.frame.grid[0], :]
            proposal /= -2 * 3 * self._luma_step**2 * source.weight.whole()  # in place: these arrays are large
            proposal += encoding.context.symbols
            proposals.append(proposal)
            top += source.frame.grid[0]
        coefficients = -gradient.by_row / (2 * self._curvature * unit(self._scale))
        coefficients[: len(adaptation.coefficients)] += adaptation.coefficients
        cost = gradient.error + self._bit * sum(sum(encoding.est_bits) for encoding in encodings)
        return Trial(encodings, targets, cost, Targets(proposals, coefficients))

    @cached_property
    def _luma_step(self) -> float:
        source = self.sources[0]
        return float(source.weights.bitstream.delta[source.frame.step_index])

    @property
    def _bit(self) -> float:
        """What a bit costs, in squared grey levels summed over RGB samples."""
        return 3 * self.config.lagrangian * self._luma_step**2

    @property
    def _curvature(self) -> float:
        """How the squared error grows with the square of rows of the generator's basis."""
        return curvature(self._luma_step, self.pixels.shape[0] * self.pixels.shape[1])

    @property
    def _scale(self) -> int:
        """The scale at which finer coefficients would not pay: there unit^2 w / 12 ln 4 is the price of a bit."""
        return scale_for(float(np.sqrt(12 * self._bit / (self._curvature * np.log(4)))))

    def _try(self, best: Trial, pace: float) -> Trial:
        """Walk once more, from targets that have moved."""
        parts = zip(self.sources, best.targets.symbols, best.proposals.symbols, strict=True)
        symbols = [self._move(*part, pace) for part in parts]
        coefficients, proposal = (
            best.targets.coefficients[: len(best.proposals.coefficients)],
            best.proposals.coefficients,
        )
        coefficients = coefficients + min(1.0, self.config.adapted * pace) * (proposal - coefficients)
        adaptation = Adaptation.of(self._scale, coefficients)
        walks = zip(self.sources, symbols, best.encodings, strict=True)
        encodings = [self._walk(*walk, adaptation) for walk in walks]
        return self.judge(encodings, Targets(symbols, coefficients))

    def _move(self, source: Source, targets: np.ndarray, proposal: np.ndarray, pace: float) -> np.ndarray:
        """New targets: part of the way from the best trial's to its proposal, within reach of the coefficients."""
        part = np.sqrt(np.minimum(source.curvature.whole(), 1))  # slowness
        np.minimum(np.float32(1), np.float32(pace) * part, out=part)
        targets = targets + part * (proposal - targets)
        coefficients, reach = source.coefficients, self.config.reach
        np.clip(targets, coefficients - reach, coefficients + reach, out=targets)
        return targets

    def _walk(self, source: Source, targets: np.ndarray, last: Encoding, adaptation: Adaptation) -> Encoding:
        """Encode a slice with symbols rounded from targets; what they cost later is that around the last ones."""
        later = None
        if self.with_later and targets.size <= MAX_LATER:
            later = source.weights.gradients.later_bits(last.context)
        tables = source.weights.bitstream.tables
        return source.encode(Rounder(targets, source.weight, tables, self.config, later), adaptation)
