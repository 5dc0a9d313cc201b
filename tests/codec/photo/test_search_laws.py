"""Laws of the encoder's search with the weights in the package: what each effort and each term of it is for.

All are about one number, distortion + lagrangian * bits, of windows of photos that scikit-image installs. A term is
switched off by the value at which the search no longer sees it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from skimage import data

import hvaecodec
from hvaecodec.codec.photo.encoder import Encoding, encode_picture
from hvaecodec.codec.photo.search import SearchConfig

PLACES = (("coffee", 100, 200), ("rocket", 200, 200), ("rocket", 60, 260))
COARSE, FINE = 110, 440  # step indices
WINDOWS = tuple((*place, step_index) for place in PLACES for step_index in (COARSE, FINE))
SIDE = 128
DEFAULTS = SearchConfig()
OFF = {
    "lagrangian": 0.0,  # bits cost nothing
    "trust": 0.0,  # errors cost what they would cost without a generator
    "floor": 0.0,  # the curvature is believed however low it is
    "paces": (1e-9, 1e-9),  # targets never move
    "onward": 1.0,  # strides never grow
    "reach": 0.0,  # targets stay where the coefficients are
    "adapted": 0.0,  # the generator is the same for every picture
}
# Where a term has work to do, if that is not everywhere.
STEPS = {"floor": (COARSE,), "onward": (FINE,), "adapted": (FINE,)}


@cache
def codec():
    return hvaecodec.load("dct-vae-photo")


@cache
def encoding_of(window: tuple[str, int, int, int], effort: int, config: SearchConfig = DEFAULTS) -> Encoding:
    return encode_picture(codec().weights, pixels_of(window), window[3], effort, config)


def pixels_of(window: tuple[str, int, int, int]) -> np.ndarray:
    name, top, left, _ = window
    return np.ascontiguousarray(getattr(data, name)()[top : top + SIDE, left : left + SIDE])


def squared_error(window: tuple[str, int, int, int], encoding: Encoding) -> float:
    return codec().weights.nets.error_gradient(encoding.context, pixels_of(window)).error


def cost(
    effort: int,
    config: SearchConfig = DEFAULTS,
    lagrangian: float = DEFAULTS.lagrangian,
    steps: tuple[int, ...] = (COARSE, FINE),
) -> float:
    """Mean over the windows at some steps of distortion + lagrangian * bits, relative to that of effort 1."""
    relative = []
    for window in (window for window in WINDOWS if window[3] in steps):
        bit = 3 * lagrangian * float(codec().bitstream.delta[window[3]]) ** 2
        searched, plain = encoding_of(window, effort, config), encoding_of(window, 1)
        totals = [squared_error(window, each) + bit * sum(each.est_bits) for each in (searched, plain)]
        relative.append(totals[0] / totals[1])
    return float(np.mean(relative))


def test_more_effort_is_a_lower_cost():
    assert cost(3) < cost(2) < cost(1)


@pytest.mark.parametrize("term", OFF)
def test_every_term_of_the_search_earns_its_place(term):
    steps = STEPS.get(term, (COARSE, FINE))
    assert cost(2, replace(DEFAULTS, **{term: OFF[term]}), steps=steps) > cost(2, steps=steps)


def test_without_passes_effort_3_is_effort_1():
    config = replace(DEFAULTS, passes=(0, 0, 0), priced=(False, False, False))
    for window in WINDOWS:
        assert encoding_of(window, 3, config).streams == encoding_of(window, 1).streams


def test_rounding_by_price_saves_bits_for_little_error():
    """One pass against plain rounding: fewer bits on every picture, and a gain at what bits are worth at high rates.

    Without a generator a bit is worth 2 ln 2 / 12 squared steps at high rates.
    """
    whole = replace(DEFAULTS, alone=(1.0, 1.0))  # all of the lagrangian
    for window in WINDOWS:
        assert sum(encoding_of(window, 1, whole).est_bits) < 0.9 * sum(encoding_of(window, 0).est_bits)
    assert cost(0, lagrangian=2 * np.log(2) / 12) > 1
