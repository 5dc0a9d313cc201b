"""The encoder's refinement: walks repeated with targets that the gradient of the generator's error has moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hvaecodec.codec.photo.adaptation import DIRECTIONS, RADIUS, Adaptation, curvature, scale_for, unit
from hvaecodec.codec.photo.context import join
from hvaecodec.codec.photo.nets import ErrorGradient
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Encoding, Wanted, repeat

MAX_REFINED = 2**26  # pixels; refining keeps five arrays of coefficients, which would not fit beside larger ones
_STRIDES = (0.05, 2.0)  # least and most of a target's stride
_SHORTENED = 0.5  # factor of the strides of a search that was lost
# A last walk that goes on from the cheapest is cheaper still, but for small pictures and the coarsest steps.
_SURE_PIXELS, _SURE_INDEX = 1 << 17, 100
_LOST = 1.25  # times the lowest cost; beyond it a search that is on its way does not come back


class Targets(NamedTuple):
    """What symbols are to be rounded from, slice by slice, and what the coefficients of the adaptation are."""

    symbols: list[np.ndarray]
    coefficients: np.ndarray


class Trial(NamedTuple):
    """Encodings of all slices, their cost, and where the gradient has what they were rounded from.

    proposals: float32 (3, 32, 32, rows, columns) of every slice, and those of the adaptation's coefficients, float64
    (64,), or (0,) where the generator takes none.
    """

    encodings: list[Encoding]
    cost: float
    proposals: Targets


class Strides:
    """How far every target of a slice moves, relative to the pace: farther where it goes on in one direction.

    That is seen in the sign of its way, as in Rprop (Riedmiller and Braun, 1993). Less where it turns back, as there,
    is of no use beside paces that fall by themselves.
    """

    def __init__(self, size: tuple[int, ...]) -> None:
        self.factors, self.signs = np.ones(size, np.float32), np.zeros(size, np.int8)

    def update(self, way: np.ndarray, config: SearchConfig) -> np.ndarray:
        """Return the factors, float32, for the next move, whose whole way is `way`."""
        signs = np.sign(way).astype(np.int8)
        turns = signs * self.signs
        self.factors[turns > 0] *= np.float32(config.onward)
        np.clip(self.factors, *_STRIDES, out=self.factors)
        self.signs = signs
        return self.factors

    def shorten(self) -> None:
        """Let all go less far."""
        np.clip(self.factors * np.float32(_SHORTENED), *_STRIDES, out=self.factors)


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
    way, least where their own curvature is low beside what they share with others (`slowness`), less with every pass,
    and as far as their `Strides` say. Every walk goes on from the one before, whatever it cost: on the way from one
    valley to a lower one most pictures pass higher ground. But one that costs far more than the cheapest is lost: the
    adaptation of a small picture can grow without bound. Then the way goes on from the cheapest, with shorter strides
    of the adaptation; symbols cannot go far. The cheapest is kept.
    """

    sources: list[Source]  # of all slices of the picture
    pixels: np.ndarray  # uint8 (H, W) or (H, W, 3)
    config: SearchConfig

    def refine(self, start: list[Encoding], passes: int) -> list[Encoding]:
        """Return the cheapest of `start` and the encodings of so many further walks, slice by slice.

        A last walk is taken unseen where it is sure to be the cheapest: judging it takes as long as decoding.
        """
        strides = [Strides(source.coefficients.shape) for source in self.sources]
        adapting = Strides((DIRECTIONS,))
        targets = Targets([source.coefficients for source in self.sources], np.zeros(DIRECTIONS))
        trial = self.judge(start)
        best, lowest = trial.encodings, trial.cost
        for number, pace in enumerate(np.geomspace(*self.config.paces, passes).tolist(), 1):
            if not trial.cost <= _LOST * lowest:  # it may be no number at all
                trial, targets = self.judge(best), _targets_of(best)
                adapting.shorten()
            moves = zip(self.sources, targets.symbols, trial.proposals.symbols, strides, strict=True)
            symbols = [self._moved(*move, pace) for move in moves]
            coefficients = self._adapted(targets.coefficients, trial.proposals.coefficients, adapting, pace)
            targets = Targets(symbols, coefficients)
            encodings = self._walk(targets, last=number == passes)
            if number == passes and trial.cost == lowest and self._is_sure:
                return encodings
            trial = self.judge(encodings, last=number == passes)
            if trial.cost < lowest:
                best, lowest = trial.encodings, trial.cost
        return self._written(best)

    @property
    def _is_sure(self) -> bool:
        return self._n_pixels >= _SURE_PIXELS and self.sources[0].frame.step_index >= _SURE_INDEX

    def judge(self, encodings: list[Encoding], last: bool = False) -> Trial:
        """Return the cost of encodings of all slices, and where the gradient would have what they were rounded from.

        After the last encodings nothing moves any more, so they have no proposals.
        """
        context, nets = join([encoding.context for encoding in encodings]), self.sources[0].weights.gradients
        bits = self._bit * sum(sum(encoding.est_bits) for encoding in encodings)
        if last:
            return Trial(encodings, nets.squared_error(context, self.pixels) + bits, Targets([], np.zeros(0)))
        gradient = nets.error_gradient(context, self.pixels)
        return Trial(encodings, gradient.error + bits, self._proposals(encodings, gradient))

    def _proposals(self, encodings: list[Encoding], gradient: ErrorGradient) -> Targets:
        """Return what the coefficients of encodings should have been, by a gradient, whose arrays it changes."""
        adaptation, proposals, top = encodings[0].context.adaptation, [], 0
        for source, encoding in zip(self.sources, encodings, strict=True):
            proposal = gradient.by_symbol[..., top : top + source.frame.grid[0], :]
            proposal /= -2 * 3 * self._luma_step**2 * source.weight.whole()  # in place: these arrays are large
            proposal += encoding.context.symbols
            proposals.append(proposal)
            top += source.frame.grid[0]
        coefficients = -gradient.by_row / (2 * self._curvature * unit(self._scale))
        coefficients[: len(adaptation.coefficients)] += adaptation.coefficients
        return Targets(proposals, coefficients)

    @cached_property
    def _luma_step(self) -> float:
        source = self.sources[0]
        return float(source.weights.bitstream.delta[source.frame.step_index])

    @property
    def _bit(self) -> float:
        """What a bit costs, in squared grey levels summed over RGB samples."""
        return 3 * self.config.lagrangian * self._luma_step**2

    @property
    def _n_pixels(self) -> int:
        return self.pixels.shape[0] * self.pixels.shape[1]

    @property
    def _curvature(self) -> float:
        """How the squared error grows with the square of rows of the generator's basis."""
        return curvature(self._luma_step, self._n_pixels)

    @property
    def _scale(self) -> int:
        """The scale at which finer coefficients would not pay: there unit^2 w / 12 ln 4 is the price of a bit."""
        return scale_for(float(np.sqrt(12 * self._bit / (self._curvature * np.log(4)))))

    def _moved(
        self, source: Source, targets: np.ndarray, proposal: np.ndarray, strides: Strides, pace: float
    ) -> np.ndarray:
        """Return a slice's new targets, which stay within reach of the coefficients."""
        proposal -= targets  # the whole way, in place
        part = np.sqrt(np.minimum(source.curvature.whole(), 1))  # slowness
        part *= np.float32(pace) * strides.update(proposal, self.config)
        targets = targets + np.minimum(np.float32(1), part, out=part) * proposal
        coefficients, reach = source.coefficients, self.config.reach
        np.clip(targets, coefficients - reach, coefficients + reach, out=targets)
        return targets

    def _adapted(self, targets: np.ndarray, proposal: np.ndarray, strides: Strides, pace: float) -> np.ndarray:
        """Return the adaptation's new coefficients, none where the generator takes none."""
        if not len(proposal):
            return proposal
        way = proposal - targets
        part = np.minimum(1, self.config.adapted * pace * strides.update(way, self.config))
        return (targets + part * way).clip(-RADIUS, RADIUS)

    def _walk(self, targets: Targets, last: bool) -> list[Encoding]:
        """Encode all slices with symbols rounded from targets; only the last encodings have streams."""
        adaptation, encodings = Adaptation.of(self._scale, targets.coefficients), []
        for source, symbols in zip(self.sources, targets.symbols, strict=True):
            rounder = Rounder(symbols, source.weight, source.weights.bitstream.tables, self.config)
            encodings.append(source.encode(rounder, adaptation, Wanted.BOTH if last else Wanted.SYMBOLS))
        return encodings

    def _written(self, encodings: list[Encoding]) -> list[Encoding]:
        """Return encodings with their streams, for which those that were only counted are encoded again."""
        return [
            encoding
            if encoding.streams
            else source.encode(repeat(encoding.context.symbols), encoding.context.adaptation)
            for source, encoding in zip(self.sources, encodings, strict=True)
        ]


def _targets_of(encodings: list[Encoding]) -> Targets:
    """Return targets that are rounded to what encodings of all slices have."""
    values = encodings[0].context.adaptation.coefficients
    coefficients = np.zeros(DIRECTIONS)
    coefficients[: len(values)] = values
    return Targets([encoding.context.symbols.astype(np.float32) for encoding in encodings], coefficients)
