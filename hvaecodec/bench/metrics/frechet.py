"""Distances between two sets of features, Fréchet's and the polynomial kernel's, and the patches they come from.

All in float64. A set is an array (N, D) with one row for each patch; neither distance depends on the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

PATCHES_PER_FEATURE = 4  # fewer patches than this times D and a covariance of D features says little


class TooFewPatches(ValueError):
    """A set is too small for its distance to mean anything; the message says how small."""


@dataclass(frozen=True)
class Gaussian:
    """What the Fréchet distance knows of a set: count, mean (D,) and unbiased covariance (D, D)."""

    n: int
    mean: np.ndarray
    covariance: np.ndarray


def gaussian(features: np.ndarray) -> Gaussian:
    """Return the mean and covariance of a set of features, (N, D). Raises TooFewPatches if N is under 4 D."""
    n, d = _checked(features)
    x = features.astype(np.float64)
    return Gaussian(n, x.mean(0), np.cov(x, rowvar=False).reshape(d, d))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Return |m_a - m_b|^2 + tr(A + B - 2 (A B)^(1/2)), which is 0 or more, in squared units of the features.

    It is eq. 16 of Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982; with
    Inception features it is the FID of arXiv:1706.08500, eq. 6. The trace of the root is the sum of the roots of the
    eigenvalues of A^(1/2) B A^(1/2): they are those of A B, but this matrix is symmetric.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ b.covariance @ root).clip(0)
    spread = np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.sqrt(cross).sum()
    return float(max(0.0, np.sum((a.mean - b.mean) ** 2) + spread))


@dataclass(frozen=True)
class Powers:
    """What the kernel distance knows of a set: its count, the means of x, x⊗x and x⊗x⊗x, and that of k(x, x)."""

    n: int
    means: tuple[np.ndarray, np.ndarray, np.ndarray]  # (D,), (D, D), (D, D, D)
    own: float


def powers(features: np.ndarray, chunk: int = 4096) -> Powers:
    """Return the mean tensor powers of a set of features, (N, D); they are D^3 numbers, so D must be small.

    chunk: how many rows are taken at a time. Raises TooFewPatches if N is under 4 D.
    """
    n, d = _checked(features)
    sums = [np.zeros(d), np.zeros((d, d)), np.zeros((d * d, d))]
    own = 0.0
    for start in range(0, n, chunk):
        x = features[start : start + chunk].astype(np.float64)
        pairs = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)  # (chunk, D * D)
        sums[0] += x.sum(0)
        sums[1] += x.T @ x
        sums[2] += pairs.T @ x
        own += float(np.sum((np.sum(x * x, 1) / d + 1) ** 3))
    first, second, third = (total / n for total in sums)
    return Powers(n, (first, second, third.reshape(d, d, d)), own / n)


def kernel_distance(a: Powers, b: Powers) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)^3; it may fall below 0.

    The kernel is that of KID (arXiv:1801.01401, sec. 4), the estimator that of Gretton et al., "A kernel two-sample
    test", 2012, eq. 3. KID averages it over random subsets; here (x·y)^p is the product of the p-th tensor powers of x
    and y, so the mean over all pairs is a product of means and takes no sampling.
    """
    within = (_without_own(s) for s in (a, b))
    return sum(within) - 2 * _mean_kernel(a, b)


def patches(picture: np.ndarray, side: int = 32, shift: int | None = None) -> np.ndarray:
    """Return all squares of a picture at multiples of `shift` pixels, row by row, uint8 (N, side, side, 3).

    picture: uint8 (H, W), which becomes RGB, or (H, W, 3). shift: half the side if None. What is left at the lower and
    right edge is not looked at; a picture with a side under `side` gives none.
    """
    shift = shift or side // 2
    rgb = np.repeat(np.atleast_3d(picture), 3, axis=2) if picture.ndim == 2 else picture
    if min(rgb.shape[:2]) < side:
        return np.empty((0, side, side, 3), picture.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(rgb, (side, side), axis=(0, 1))[::shift, ::shift]
    return np.ascontiguousarray(windows.transpose(0, 1, 3, 4, 2)).reshape(-1, side, side, 3)


def _mean_kernel(a: Powers, b: Powers) -> float:
    """The mean of k(x, y) over all x in a and y in b, by the binomial theorem."""
    d = len(a.means[0])
    terms = (comb(3, p) * float(np.vdot(a.means[p - 1], b.means[p - 1])) / d**p for p in (1, 2, 3))
    return 1 + sum(terms)


def _without_own(s: Powers) -> float:
    """The mean of k over all pairs of different rows of one set."""
    return (s.n * _mean_kernel(s, s) - s.own) / (s.n - 1)


def _checked(features: np.ndarray) -> tuple[int, int]:
    n, d = features.shape
    if n < PATCHES_PER_FEATURE * d:
        raise TooFewPatches(f"{n} patches; {d} features need {PATCHES_PER_FEATURE * d}")
    return n, d
