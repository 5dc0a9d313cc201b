"""The search for a file that meets a target: what it finds, and how few encodings it takes."""

from __future__ import annotations

import numpy as np
import pytest

from hvaecodec.codec.target_search import Ladder

N = 800


def ladder(curve, gain=0.0, rise=25.0):
    """Of files that are their own values; `gain` is what efforts above 1 add to them."""
    encodings = []

    def encode(index, effort):
        encodings.append((index, effort))
        return float(curve[index] + gain * (effort > 1)).hex().encode()

    return Ladder(encode, lambda data: float.fromhex(data.decode()), N, rise), encodings


def value(data):
    return float.fromhex(data.decode())


index = np.arange(N) / N
CURVES = {
    "straight": 20 + 25 * index,
    "bent": 20 + 25 * index**0.6,
    "other way": 20 + 25 * index**2,
    "steep end": 20 + 5 * index + 20 * (index > 0.97),
    "steps": 20 + np.floor(index * 12) * 2,
    "flat": np.full(N, 30.0),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("effort", [1, 2])
@pytest.mark.parametrize("target", [10.0, 20.01, 20.5, 29.99, 33.3, 40.0, 44.0, 44.9, 60.0])
def test_what_is_found_is_what_trying_all_would_find(name, effort, target):
    curve, gain = CURVES[name], -1.3
    values = curve + gain * (effort > 1)
    files, encodings = ladder(curve, gain)
    within = np.flatnonzero(values <= target)
    data = files.largest(target, effort)
    assert (data is None) == (len(within) == 0)
    if data is not None:
        assert value(data) == values[within[-1]]
    reached = np.flatnonzero(values >= target)
    data = files.smallest(target, effort)
    assert (data is None) == (len(reached) == 0)
    if data is not None:
        assert value(data) == values[reached[0]]
    assert len(encodings) == len(set(encodings))  # nothing is encoded twice


@pytest.mark.parametrize("name", ["straight", "bent", "other way"])
@pytest.mark.parametrize("target", [22.0, 28.0, 37.0, 44.0])
def test_a_smooth_curve_takes_few_encodings(name, target):
    files, encodings = ladder(CURVES[name], gain=1.0)
    files.smallest(target, 2)
    assert sum(effort == 1 for _, effort in encodings) <= 6
    assert sum(effort == 2 for _, effort in encodings) <= 5


def test_values_that_scatter_do_not_send_the_search_away():
    curve = CURVES["straight"] + np.random.default_rng(0).normal(0, 0.05, N)
    for target in np.linspace(21, 44, 40):
        files, encodings = ladder(curve, gain=0.7)
        data = files.smallest(target, 2)
        assert target <= value(data) < target + 0.3
        assert sum(effort == 2 for _, effort in encodings) <= 8


def test_the_worst_curve_is_halved():
    curve = np.where(np.arange(N) < 613, 0.0, 1e6)
    files, encodings = ladder(curve)
    assert value(files.smallest(5.0, 1)) == 1e6
    assert len(encodings) < 24
