"""The refiner's formulas, on a picture whose error is exactly the quadratic that they assume."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import tiny

from hvaecodec.codec.photo import refine
from hvaecodec.codec.photo.adaptation import DIRECTIONS, curvature, unit
from hvaecodec.codec.photo.context import join
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.nets import ErrorGradient
from hvaecodec.codec.photo.refine import Refiner, Strides
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.photo.weights import PhotoWeights, load_weights

STEP_INDEX = 400
CONFIG = SearchConfig()
PIXELS = np.random.default_rng(1).integers(0, 256, (60, 64, 3), dtype=np.uint8)
IDEAL = np.random.default_rng(0).normal(size=(3, 32, 32, 2, 2)).astype(np.float32)


@dataclass
class Quadratic:
    """Nets whose squared error is the sum of w (q - IDEAL)^2, w the mean over the channels, times 3 delta^2."""

    weights: PhotoWeights
    weight: np.ndarray

    def error_gradient(self, context, pixels):
        w = 3 * float(self.weights.bitstream.delta[context.step_index]) ** 2 * self.weight
        away = context.symbols - IDEAL
        return ErrorGradient(float((w * away**2).sum()), (2 * w * away).astype(np.float32), np.zeros(0))

    def squared_error(self, context, pixels):
        return self.error_gradient(context, pixels).error


class Cliff(Quadratic):
    """Errors that are no numbers as soon as the adaptation goes far, and gradients that ask it to go there."""

    def error_gradient(self, context, pixels):
        usual = super().error_gradient(context, pixels)
        if np.abs(context.adaptation.coefficients).max(initial=0) > 2:
            return ErrorGradient(np.nan, np.full_like(usual.by_symbol, np.nan), np.full(DIRECTIONS, np.nan))
        proposed = 100 * unit(context.adaptation.scale or 12)
        curved = curvature(float(self.weights.bitstream.delta[STEP_INDEX]), PIXELS[..., 0].size)
        return replace(usual, by_row=np.full(DIRECTIONS, -2 * curved * proposed))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    weights = load_weights(tiny.write_weights(tmp_path_factory.mktemp("weights")), "generator.safetensors")
    analysis = weights.nets.analyse(PIXELS, STEP_INDEX)
    source = Source.of(weights, Frame((2, 2), STEP_INDEX), analysis, CONFIG)
    nets = Quadratic(weights, source.weight.whole())
    return replace(source, weights=replace(weights, nets=nets))


def test_the_proposal_is_the_minimum_of_the_error(source):
    encoding = source.encode(repeat(np.ones(IDEAL.shape, np.int16)))
    trial = Refiner([source], PIXELS, CONFIG).judge([encoding])
    np.testing.assert_allclose(trial.proposals.symbols[0], IDEAL, atol=1e-4)


def test_the_cost_is_what_the_rounder_minimises(source):
    """In squared grey levels over three channels: 3 delta^2 times the rounder's sum."""
    encoding = source.encode(Rounder(IDEAL, source.weight, source.weights.bitstream.tables, CONFIG))
    trial = Refiner([source], PIXELS, CONFIG).judge([encoding])
    error = (source.weight.whole() * (encoding.context.symbols - IDEAL) ** 2).sum()
    ours = error + CONFIG.lagrangian * sum(encoding.est_bits)
    delta = float(source.weights.bitstream.delta[STEP_INDEX])
    assert trial.cost == pytest.approx(3 * delta**2 * ours, rel=1e-5)


def test_refinement_comes_nearer_to_the_ideal_and_never_back(source):
    once = source.encode(Rounder(source.coefficients, source.weight, source.weights.bitstream.tables, CONFIG))
    refiner = Refiner([source], PIXELS, replace(CONFIG, reach=1e6))
    costs = [refiner.judge(refiner.refine([once], passes)).cost for passes in range(6)]
    assert costs == sorted(costs, reverse=True) and costs[-1] < 0.5 * costs[0]


def same_symbols(first, second) -> bool:
    return np.array_equal(first.context.symbols, second.context.symbols)


@pytest.mark.parametrize(
    ("costs", "pixels", "index", "unseen"),
    [
        ((3.0, 2.0), 60 * 64, STEP_INDEX, True),
        ((3.0, 3.1), 60 * 64, STEP_INDEX, False),  # the last walk goes on from a dearer one
        ((3.0, 2.0), 60 * 64 + 1, STEP_INDEX, False),
        ((3.0, 2.0), 60 * 64, STEP_INDEX + 1, False),
    ],
)
def test_a_last_walk_is_judged_unless_it_is_sure_to_be_the_cheapest(source, monkeypatch, costs, pixels, index, unseen):
    """Which holds of no small picture, and not at the coarsest steps."""
    once = source.encode(Rounder(source.coefficients, source.weight, source.weights.bitstream.tables, CONFIG))
    judge, walk, judged, walks = Refiner.judge, Refiner._walk, [], []

    def judge_as_planned(self, encodings, last=False):
        judged.append(last)
        return judge(self, encodings, last=last)._replace(cost=(*costs, 9.0)[len(judged) - 1])

    def remember(self, targets, last):
        walks.extend(walk(self, targets, last))
        return walks[-1:]

    monkeypatch.setattr(Refiner, "judge", judge_as_planned)
    monkeypatch.setattr(Refiner, "_walk", remember)
    monkeypatch.setattr(refine, "_SURE_PIXELS", pixels)
    monkeypatch.setattr(refine, "_SURE_INDEX", index)
    (refined,) = Refiner([source], PIXELS, replace(CONFIG, reach=1e6)).refine([once], 2)
    assert judged == [False, False] + [True] * (not unseen)
    cheapest = walks[-1] if unseen else (once, *walks)[costs.index(min(costs))]
    assert refined.context is walks[-1].context if unseen else same_symbols(refined, cheapest)
    assert [bool(each.streams) for each in walks] == [False, True], "only the last walk is written"
    again = source.encode(repeat(cheapest.context.symbols), cheapest.context.adaptation)
    assert refined.streams == again.streams and refined.est_bits == cheapest.est_bits


def test_an_adaptation_that_explodes_is_taken_back(source):
    """The search goes on from the cheapest with shorter strides, and the symbols are refined all the same."""
    nets = Cliff(source.weights.nets.weights, source.weights.nets.weight)
    source = replace(source, weights=replace(source.weights, nets=nets))
    once = source.encode(Rounder(source.coefficients, source.weight, source.weights.bitstream.tables, CONFIG))
    refiner = Refiner([source], PIXELS, replace(CONFIG, reach=1e6))
    best = refiner.refine([once], 12)
    assert refiner.judge(best).cost < 0.5 * refiner.judge([once]).cost
    adaptation = best[0].context.adaptation.coefficients
    assert len(adaptation) and np.abs(adaptation).max() <= 2


def test_targets_stay_within_reach_of_the_coefficients(source):
    once = source.encode(repeat(np.rint(source.coefficients).astype(np.int16)))
    refiner = Refiner([source], PIXELS, replace(CONFIG, reach=0.1, paces=(50.0, 50.0)))
    (refined,) = refiner.refine([once], 1)
    assert (refined.context.symbols != once.context.symbols).any()
    away = np.abs(refined.context.symbols - source.coefficients)
    assert away.max() <= 1.1 + 1e-3  # a target within 0.1 of the coefficient, and the farther of its two neighbours


def test_strides_grow_on_the_way_and_are_shortened():
    config, strides = replace(CONFIG, onward=1.5), Strides((3,))
    ways = [(1, 1, 0), (2, -1, 1), (1, -1, 1), (1, 1, -1)]
    factors = [strides.update(np.array(way, np.float32), config).copy() for way in ways]
    assert np.array_equal(factors, [[1, 1, 1], [1.5, 1, 1], [2, 1.5, 1.5], [2, 1.5, 1.5]])  # 2 is the most
    strides.shorten()
    assert np.array_equal(strides.factors, [1, 0.75, 0.75])


def test_slices_move_as_one_picture(source):
    """Two slices against one of both: the same error, gradient and targets, row by row."""
    weights = replace(source.weights, nets=source.weights.nets.weights.nets)
    sources = []
    for top in (0, 1):
        analysis = weights.nets.analyse(PIXELS[32 * top : 32 * top + 32], STEP_INDEX)
        sources.append(Source.of(weights, Frame((1, 2), STEP_INDEX), analysis, CONFIG))
    once = [each.encode(repeat(np.rint(each.coefficients).astype(np.int16))) for each in sources]
    parts = Refiner(sources, PIXELS, CONFIG).judge(once)
    joined = join([each.context for each in once])
    whole_source = Source.of(weights, Frame((2, 2), STEP_INDEX), weights.nets.analyse(PIXELS, STEP_INDEX), CONFIG)
    assert np.array_equal(whole_source.shapes, joined.shapes)
    whole = whole_source.encode(repeat(joined.symbols))
    trial = Refiner([whole_source], PIXELS, CONFIG).judge([whole])
    np.testing.assert_allclose(
        np.concatenate(parts.proposals.symbols, 3), trial.proposals.symbols[0], rtol=1e-4, atol=1e-3
    )
