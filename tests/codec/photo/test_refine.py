"""The refiner's formulas, on a picture whose error is exactly the quadratic that they assume."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import tiny

from hvaecodec.codec.photo.refine import Refiner
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.photo.weights import PhotoWeights, load_weights

STEP_INDEX = 400
CONFIG = SearchConfig()
IDEAL = np.random.default_rng(0).normal(size=(3, 32, 32, 2, 2)).astype(np.float32)


@dataclass
class Quadratic:
    """Nets whose squared error is the sum of w (q - IDEAL)^2, w the mean over the channels, times 3 delta^2."""

    weights: PhotoWeights
    weight: np.ndarray

    def coefficients(self, pixels, step_index):
        return self.weights.nets.coefficients(pixels, step_index)

    def error_gradient(self, symbols, step_index, pixels):
        w = (3 * float(self.weights.bitstream.delta[step_index]) ** 2 * self.weight)[..., None, None]
        away = symbols - IDEAL
        return float((w * away**2).sum()), (2 * w * away).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    weights = load_weights(tiny.write_weights(tmp_path_factory.mktemp("weights")), "generator.safetensors")
    pixels = np.random.default_rng(1).integers(0, 256, (60, 64, 3), dtype=np.uint8)
    source = Source.of(weights, pixels, STEP_INDEX, CONFIG)
    nets = Quadratic(weights, source.weight)
    return replace(source, weights=replace(weights, nets=nets))


def test_the_proposal_is_the_minimum_of_the_error(source):
    encoding = source.encode(repeat(np.ones(IDEAL.shape, np.int16)))
    trial = Refiner(source, CONFIG, with_later=False).judge(encoding, source.coefficients)
    np.testing.assert_allclose(trial.proposal, IDEAL, atol=1e-4)


def test_the_cost_is_what_the_rounder_minimises(source):
    """In squared grey levels over three channels: 3 delta^2 times the rounder's sum."""
    encoding = source.encode(Rounder(IDEAL, source.weight, source.weights.bitstream.tables, CONFIG))
    trial = Refiner(source, CONFIG, with_later=False).judge(encoding, source.coefficients)
    error = (source.weight[..., None, None] * (encoding.symbols - IDEAL) ** 2).sum()
    ours = error + CONFIG.lagrangian * sum(encoding.est_bits)
    delta = float(source.weights.bitstream.delta[STEP_INDEX])
    assert trial.cost == pytest.approx(3 * delta**2 * ours, rel=1e-5)


def test_refinement_comes_nearer_to_the_ideal_and_never_back(source):
    once = source.encode(Rounder(source.coefficients, source.weight, source.weights.bitstream.tables, CONFIG))
    refiner = Refiner(source, replace(CONFIG, reach=1e6), with_later=False)
    costs = [refiner.judge(refiner.refine(once, passes), source.coefficients).cost for passes in range(6)]
    assert costs == sorted(costs, reverse=True) and costs[-1] < 0.5 * costs[0]


def test_targets_stay_within_reach_of_the_coefficients(source):
    once = source.encode(repeat(np.rint(source.coefficients).astype(np.int16)))
    refiner = Refiner(source, replace(CONFIG, reach=0.1, pace=50.0), with_later=False)
    refined = refiner.refine(once, 1)
    assert (refined.symbols != once.symbols).any()
    away = np.abs(refined.symbols - source.coefficients)
    assert away.max() <= 1.1 + 1e-3  # a target within 0.1 of the coefficient, and the farther of its two neighbours
