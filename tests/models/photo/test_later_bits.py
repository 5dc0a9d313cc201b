"""The float twin agrees with the exact prior, and later bits to first order point the way that bits go."""

import copy

import numpy as np
import pytest
import tiny
import torch
from skimage import data as photos

from hvaecodec.codec.photo.chunk import StepPlace
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.photo.weights import load_weights
from hvaecodec.models.photo.bit_counter import BitCounter
from hvaecodec.models.photo.later_bits import later_bits
from hvaecodec.models.photo.layout import N_PLACES, STEPS
from hvaecodec.models.photo.prior_walk import walk
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.photo.coding import blocks_of

INDEX = 500


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return load_weights(tiny.write_weights(tmp_path_factory.mktemp("weights")), "generator.safetensors")


@pytest.fixture(scope="module")
def bitstream(weights):
    return weights.bitstream


@pytest.fixture(scope="module")
def picture():
    """Symbols, int16 (3, 32, 32, 4, 4), and their shapes, int64 (2, 8, 8)."""
    pixels = torch.from_numpy(photos.astronaut()[:128, :128].copy()).permute(2, 0, 1)[None].float()
    coefficients, shapes = blocks_of(pixels, step_table()[INDEX])
    return torch.round(coefficients / step_table()[INDEX]).short()[0].numpy(), shapes[0].numpy()


def float_bits(bitstream, symbols, shapes):
    """The bits by level under the float twin."""
    with torch.no_grad():
        parts = torch.from_numpy(symbols[None]).float(), torch.tensor([INDEX]), torch.from_numpy(shapes[None])
        return [float(bits) for bits in bitstream.twin.bits(*parts)]


def test_float_twin_estimates_what_the_integers_cost(bitstream, picture):
    symbols, shapes = picture
    with torch.no_grad():
        bits = bitstream.coder.encode(Frame(symbols.shape[-2:], INDEX), shapes, repeat(symbols)).est_bits
    floats = float_bits(bitstream, symbols, shapes)
    for level in range(1, 6):
        assert floats[level] == pytest.approx(bits[level], rel=0.05)
    assert sum(floats[1:]) == pytest.approx(sum(bits[1:]), rel=0.02)


def test_later_bits_are_the_slope_of_the_bits_of_later_steps(bitstream, picture):
    symbols, shapes = picture
    later = later_bits(bitstream.twin, symbols, shapes, INDEX)
    rng = np.random.default_rng(0)
    foreseen, happened = [], []
    for _ in range(40):
        u, v = rng.integers(4, 8), 3  # level 3: what is later has no linear predictions, which would change too
        at = (0, u, v, *rng.integers(0, 4, 2))
        changed = symbols.copy()
        changed[at] += 1
        before, after = float(symbols[at]), float(changed[at])
        features = [np.array([np.sign(q) * np.log1p(abs(q)), np.log1p(abs(q))]) for q in (before, after)]
        foreseen.append(later[(slice(None), *at)] @ (features[1] - features[0]))
        totals = [sum(float_bits(bitstream, q, shapes)[4:]) for q in (symbols, changed)]
        happened.append(totals[1] - totals[0])
    assert np.corrcoef(foreseen, happened)[0, 1] > 0.8
    flat = later.reshape(2, N_PLACES, -1)
    assert (flat[:, STEPS[-1].places] == 0).all()  # the last step has nothing after it
    assert all(flat[:, step.places].any() for step in STEPS[:-1])


def test_the_first_half_of_a_band_costs_what_it_does_to_the_second(bitstream, picture):
    """Through the heads of the second half too: a step of zero weights after it leaves only these."""
    symbols, shapes = picture
    net = copy.deepcopy(bitstream.twin)
    first, second, last = STEPS[-3:]
    assert (first.half, second.half) == (0, 1)
    with torch.no_grad():
        for step in (first, second):
            net.weights[f"{step.name}_embed"].zero_()
    later = later_bits(net, symbols, shapes, INDEX).reshape(2, N_PLACES, -1)
    assert later[:, first.places].any()
    assert not later[:, second.places].any() and not later[:, last.places].any()


class Listener(BitCounter):
    """Hears how the symbols of every step enter the state."""

    def __init__(self, net, symbols):
        super().__init__(net, symbols)
        self.heard = []

    def embedded(self, step, features):
        self.heard.append((step, features))


def test_the_walk_announces_every_embedding(bitstream, picture):
    """By step, in order, with the features of that step's symbols: sign(q) log(1 + |q|), then log(1 + |q|)."""
    net, (symbols, shapes) = bitstream.twin, picture
    listener = Listener(net, torch.from_numpy(symbols[None]))
    with torch.no_grad():
        walk(net, torch.tensor([INDEX]), torch.from_numpy(shapes[None]), listener)
    assert [step for step, _ in listener.heard] == list(STEPS[:-1])
    for step, features in listener.heard:
        values = StepPlace(step, slice(None)).take(symbols)
        np.testing.assert_array_equal(features[0], net.features(torch.from_numpy(values[None]).float())[0])
