"""The float twin agrees with the exact prior, and first-order prices point the way bits go."""

import numpy as np
import pytest
import tiny
import torch
from skimage import data as photos

from hvaecodec.codec.photo.picture import to_coefficients
from hvaecodec.codec.photo.streams import as_given, encode_symbols
from hvaecodec.codec.photo.weights import load_bitstream
from hvaecodec.models.photo.later_bits import context_prices

INDEX = 500


@pytest.fixture(scope="module")
def bitstream(tmp_path_factory):
    return load_bitstream(tiny.write_weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def symbols(bitstream):
    steps = bitstream.delta[INDEX] * bitstream.s
    return np.rint(to_coefficients(photos.astronaut()[:128, :128], steps)).astype(np.int16)


def test_float_twin_estimates_what_the_integers_cost(bitstream, symbols):
    with torch.no_grad():
        _, bits, _ = encode_symbols(
            bitstream.arithmetic, bitstream.tables, symbols.shape[-2:], INDEX, as_given(symbols)
        )
        floats = bitstream.twin.bits(torch.from_numpy(symbols[None]).float(), torch.tensor([INDEX]))
    for level in range(1, 6):
        assert float(floats[level]) == pytest.approx(bits[level], rel=0.05)
    assert sum(float(level) for level in floats[1:]) == pytest.approx(sum(bits[1:]), rel=0.02)


def test_prices_are_the_slope_of_the_bits_of_later_steps(bitstream, symbols):
    prices = context_prices(bitstream.twin, symbols, INDEX)
    rng = np.random.default_rng(0)
    foreseen, happened = [], []
    for _ in range(40):
        u, v = rng.integers(0, 2), 1  # level 1
        at = (0, u, v, *rng.integers(0, 4, 2))
        changed = symbols.copy()
        changed[at] += 1
        before, after = float(symbols[at]), float(changed[at])
        features = [np.array([np.sign(q) * np.log1p(abs(q)), np.log1p(abs(q))]) for q in (before, after)]
        foreseen.append(prices[(slice(None), *at)] @ (features[1] - features[0]))
        with torch.no_grad():
            totals = [
                sum(float(b) for b in bitstream.twin.bits(torch.from_numpy(q[None]).float(), torch.tensor([INDEX]))[3:])
                for q in (symbols, changed)
            ]
        happened.append(totals[1] - totals[0])
    assert np.corrcoef(foreseen, happened)[0, 1] > 0.5
    assert (prices[:, :, 16:, 16:][:, 1:] == 0).all()  # the last step has nothing after it
