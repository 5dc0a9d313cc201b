"""The inverse of the normal distribution function, in all of its three ranges."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import torch

from hvaecodec.models.ndtri import _AT_ONCE, ndtri

EDGES = np.array([2**-53, 1e-15, np.exp(-32), 1e-14, 1e-5, np.exp(-2), 0.135, 0.1354, 0.25, 0.5])


def test_it_is_torchs_to_the_last_places():
    p = np.concatenate([np.random.default_rng(0).random(3 * _AT_ONCE + 7), EDGES, 1 - EDGES])
    np.testing.assert_allclose(ndtri(p), torch.special.ndtri(torch.from_numpy(p)).numpy(), rtol=4e-15, atol=1e-15)


def test_it_undoes_the_distribution_function():
    for p in (0.001, 0.1, 0.3, 0.5, 0.77, 0.95):
        assert abs(NormalDist().cdf(float(ndtri(np.array([p]))[0])) - p) < 1e-14


def test_shapes_stay():
    p = np.full((2, 3, 5), 0.25)
    assert ndtri(p).shape == p.shape and ndtri(p[:0]).shape == (0, 3, 5)
