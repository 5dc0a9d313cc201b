"""The float twin agrees with the exact prior, and later bits to first order point the way that bits go."""

import numpy as np
import pytest
import tiny
import torch
from skimage import data as photos

from hvaecodec.codec.photo.chunk import StepPlace
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.streams import encode_symbols, repeat
from hvaecodec.codec.photo.weights import load_weights
from hvaecodec.models.photo.bit_counter import BitCounter
from hvaecodec.models.photo.later_bits import later_bits
from hvaecodec.models.photo.layout import STEPS
from hvaecodec.models.photo.prior_walk import walk

INDEX = 500


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return load_weights(tiny.write_weights(tmp_path_factory.mktemp("weights")), "generator.safetensors")


@pytest.fixture(scope="module")
def bitstream(weights):
    return weights.bitstream


@pytest.fixture(scope="module")
def symbols(weights):
    return np.rint(weights.nets.coefficients(photos.astronaut()[:128, :128], INDEX)).astype(np.int16)


def test_float_twin_estimates_what_the_integers_cost(bitstream, symbols):
    with torch.no_grad():
        frame = Frame(symbols.shape[-2:], INDEX)
        _, bits, _ = encode_symbols(bitstream.prior, bitstream.tables, frame, repeat(symbols))
        floats = bitstream.twin.bits(torch.from_numpy(symbols[None]).float(), torch.tensor([INDEX]))
    for level in range(1, 6):
        assert float(floats[level]) == pytest.approx(bits[level], rel=0.05)
    assert sum(float(level) for level in floats[1:]) == pytest.approx(sum(bits[1:]), rel=0.02)


def test_later_bits_are_the_slope_of_the_bits_of_later_steps(bitstream, symbols):
    later = later_bits(bitstream.twin, symbols, INDEX)
    rng = np.random.default_rng(0)
    foreseen, happened = [], []
    for _ in range(40):
        u, v = rng.integers(0, 2), 1  # level 1
        at = (0, u, v, *rng.integers(0, 4, 2))
        changed = symbols.copy()
        changed[at] += 1
        before, after = float(symbols[at]), float(changed[at])
        features = [np.array([np.sign(q) * np.log1p(abs(q)), np.log1p(abs(q))]) for q in (before, after)]
        foreseen.append(later[(slice(None), *at)] @ (features[1] - features[0]))
        with torch.no_grad():
            totals = [
                sum(float(b) for b in bitstream.twin.bits(torch.from_numpy(q[None]).float(), torch.tensor([INDEX]))[3:])
                for q in (symbols, changed)
            ]
        happened.append(totals[1] - totals[0])
    assert np.corrcoef(foreseen, happened)[0, 1] > 0.5
    assert (later[:, :, 16:, 16:][:, 1:] == 0).all()  # the last step has nothing after it


class Listener(BitCounter):
    """Hears how the symbols of every step enter the state."""

    def __init__(self, net, symbols):
        super().__init__(net, symbols)
        self.heard = []

    def embedded(self, step, features):
        self.heard.append((step, features))


def test_the_walk_announces_every_embedding(bitstream, symbols):
    """By step, in order, with the features of that step's symbols: sign(q) log(1 + |q|), then log(1 + |q|)."""
    net = bitstream.twin
    listener = Listener(net, torch.from_numpy(symbols[None]))
    with torch.no_grad():
        walk(net, symbols.shape[-2:], torch.tensor([INDEX]), listener)
    assert [step for step, _ in listener.heard] == list(STEPS[:-1])
    for step, features in listener.heard:
        values = StepPlace(step, slice(None)).take(symbols)
        np.testing.assert_array_equal(features[0], net.features(torch.from_numpy(values[None]).float())[0])
