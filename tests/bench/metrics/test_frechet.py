"""Distances between feature sets against what can be worked by hand, SciPy's matrix root, and sums over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvaecodec.bench.metrics import frechet
from hvaecodec.bench.metrics.frechet import Gaussian, TooFewPatches, frechet_distance, gaussian, kernel_distance, powers


def features(n: int, d: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (np.maximum(rng.normal(0.2, 1, (n, d)) @ rng.normal(0, 1, (d, d)), 0) + shift).astype(np.float32)


def diagonal(mean: list[float], variance: list[float]) -> Gaussian:
    return Gaussian(100, np.array(mean), np.diag(variance))


def test_diagonal_gaussians_by_hand() -> None:
    """|m|^2 + sum (s_a - s_b)^2: 3^2 + 4^2 + (1 - 3)^2 + (2 - 0.5)^2."""
    a, b = diagonal([0, 0], [1, 4]), diagonal([3, 4], [9, 0.25])
    assert frechet_distance(a, b) == pytest.approx(25 + 4 + 2.25)
    assert frechet_distance(b, a) == pytest.approx(31.25)


def test_one_feature_and_a_flat_one() -> None:
    assert frechet_distance(diagonal([1], [4]), diagonal([3], [0])) == pytest.approx(4 + 4)
    flat = np.ones((8, 2))
    assert gaussian(flat).covariance.tolist() == [[0, 0], [0, 0]]
    assert frechet_distance(gaussian(flat), gaussian(flat)) == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_root_is_that_of_scipy_and_of_torchmetrics(seed: int, d: int) -> None:
    from scipy.linalg import sqrtm

    a, b = (gaussian(features(8 * d + 8, d, seed + i, i)) for i in (0, 1))
    root = np.atleast_2d(sqrtm(a.covariance @ b.covariance)).real
    by_scipy = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(by_scipy, rel=1e-4, abs=1e-4)
    roots = np.linalg.eigvals(a.covariance @ b.covariance).astype(complex) ** 0.5  # as torchmetrics takes the trace
    by_torchmetrics = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance) - 2 * roots.real.sum()
    assert frechet_distance(a, b) == pytest.approx(by_torchmetrics, rel=1e-4, abs=1e-4)


def test_a_set_is_nowhere_near_itself_shuffled() -> None:
    x = features(400, 16)
    again = gaussian(np.random.default_rng(1).permutation(x))
    assert frechet_distance(gaussian(x), again) < 1e-9 * np.trace(again.covariance)


def test_the_kernel_distance_is_the_sum_over_all_pairs() -> None:
    x, y = features(70, 6), features(55, 6, 1, 0.3)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a.astype(np.float64) @ b.T.astype(np.float64) / 6 + 1) ** 3

    within = sum((kernel(a, a).sum() - np.trace(kernel(a, a))) / (len(a) * (len(a) - 1)) for a in (x, y))
    expected = within - 2 * kernel(x, y).mean()
    assert kernel_distance(powers(x), powers(y)) == pytest.approx(expected, rel=1e-9)
    assert kernel_distance(powers(x, chunk=7), powers(y)) == pytest.approx(expected, rel=1e-9)


def test_the_kernel_distance_is_unbiased() -> None:
    """Over many pairs of sets from one distribution it is 0 on average; the biased estimator is above 0 every time."""
    distances = [
        kernel_distance(*(powers(np.random.default_rng((seed, i)).normal(0, 1, (16, 4))) for i in (0, 1)))
        for seed in range(300)
    ]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / 300**0.5
    assert min(distances) < 0 < max(distances)


def test_too_few_patches_are_refused() -> None:
    with pytest.raises(TooFewPatches, match="31 patches; 8 features need 32"):
        gaussian(features(31, 8))
    with pytest.raises(TooFewPatches):
        powers(features(31, 8))
    assert gaussian(features(32, 8)).n == 32


def test_patches_are_half_a_side_apart() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (70, 100, 3), dtype=np.uint8)
    squares = frechet.patches(picture)
    assert squares.shape == (3 * 5, 32, 32, 3) and squares.dtype == np.uint8
    np.testing.assert_array_equal(squares[0], picture[:32, :32])
    np.testing.assert_array_equal(squares[7], picture[16:48, 32:64])
    np.testing.assert_array_equal(squares[14], picture[32:64, 64:96])
    assert len(frechet.patches(np.zeros((512, 768, 3), np.uint8))) == 31 * 47


def test_patches_of_grey_and_of_small_pictures() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (32, 48), dtype=np.uint8)
    squares = frechet.patches(grey)
    assert squares.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(squares[1, :, :, 2], grey[:, 16:])
    assert frechet.patches(np.zeros((31, 400, 3), np.uint8)).shape == (0, 32, 32, 3)
