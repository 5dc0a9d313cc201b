"""Finds the directions in which files may change a generator: where photos differ most in what offsets suit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.photo.adaptation import DIRECTIONS, REFERENCE_PIXELS, REFERENCE_STEP
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.models.processor import bfloat16_is_faster
from hvaecodec.training.data import Crops
from hvaecodec.training.photo.coding import code_plainly
from hvaecodec.training.place import counter_rng

STEP_INDICES = (233, 336, 440, 593)  # luma steps of 88, 50, 28 and 12
DEAD = 0.62  # symbols of magnitude 1 below so many steps become 0, about what an encoder's search makes of them
FLOOR = 1.0  # curvature added to every offset's, in units of the mean: less lets offsets without effect run away
RIDGE = 0.04  # added to the curvature of directions, relative to its mean
_BASIS = 9  # kind of random draws


class Rows(NamedTuple):
    """What is measured of crops, each at two step indices: (N,), and (N, offsets) of gradients and products."""

    step_index: np.ndarray
    error: np.ndarray  # squared, in squared luma steps
    gradient: np.ndarray  # of the error by all offsets
    product: np.ndarray  # of random signs with the Jacobian; their mean squares are the curvature


def measure_basis(net: Generator, train: Sequence[np.ndarray], *, count: int, side: int, seed: int = 0) -> Tensor:
    """Return a basis, float32 (64, offsets), from gradients at `count` training crops of `side` pixels.

    It holds the first principal components of the gradients, scaled by the curvature and less their mean, combined so
    that they are orthonormal under the mean curvature at the reference step and size of `codec.photo.adaptation`.
    Raises ValueError for fewer crops than directions.
    """
    if 2 * count < DIRECTIONS:
        raise ValueError(f"a basis of {DIRECTIONS} directions needs {DIRECTIONS // 2} crops at least, got {count}")
    return torch.from_numpy(basis_of(gather(net, train, count, side, seed), side * side))


def gather(net: Generator, train: Sequence[np.ndarray], count: int, side: int, seed: int) -> Rows:
    """Measure gradients and products at crops of photos, two step indices each."""
    crops, rng, rows = Crops(train, seed), counter_rng(seed, 0, _BASIS), []
    for number in range(count):
        x = crops.batch(1, side, rng=rng)
        for i in (STEP_INDICES[number % 4], STEP_INDICES[(number + 2) % 4]):
            offsets = torch.zeros(1, net.offsets, requires_grad=True)
            error, picture = _error_of(net, x, i, offsets)
            signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=picture.shape)).float()
            gradient = torch.autograd.grad(error, offsets, retain_graph=True)[0][0]
            product = torch.autograd.grad((picture * signs).sum(), offsets)[0][0]
            rows.append((i, float(error.detach()), gradient.numpy(), product.numpy()))
    return Rows(*(np.array(column) for column in zip(*rows, strict=True)))


def basis_of(rows: Rows, n_pixels: int) -> np.ndarray:
    """Return the basis, float32 (64, offsets), that rows of crops of `n_pixels` pixels give; see `measure_basis`."""
    scale, relative = _curvature(rows)
    unit = np.sqrt(relative + FLOOR)
    wished = rows.gradient / unit / np.sqrt(scale * rows.error)[:, None]
    wished = wished - np.stack([wished[rows.step_index == i].mean(0) for i in rows.step_index])
    norm = np.sqrt((wished**2).sum(1, keepdims=True))
    directions = np.linalg.svd(wished / np.maximum(norm, np.median(norm)), full_matrices=False)[2][:DIRECTIONS]
    seen = rows.product / np.sqrt(scale)[:, None] / unit @ directions.T
    hessian = seen.T @ seen / len(seen)
    hessian += 2 * RIDGE * np.trace(hessian) / len(hessian) * np.eye(len(hessian))
    steps = step_table().numpy()[rows.step_index]
    reference = scale[np.abs(steps - REFERENCE_STEP).argmin()] * REFERENCE_PIXELS / n_pixels
    basis = np.linalg.solve(np.linalg.cholesky(hessian), directions) / unit / np.sqrt(reference)
    missing = DIRECTIONS - len(basis)  # of a net with fewer offsets: rows of 0 have no gradient, so no file names them
    return np.pad(basis, ((0, missing), (0, 0))).astype(np.float32)


def _curvature(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The mean curvature of each row's step index, (N,), and each offset's in its units, (offsets,)."""
    mean = {i: (rows.product[rows.step_index == i] ** 2).mean() for i in np.unique(rows.step_index)}
    scale = np.array([mean[i] for i in rows.step_index])
    return scale, (rows.product**2 / scale[:, None]).mean(0)


def _error_of(net: Generator, x: Tensor, i: int, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """The squared error in squared luma steps, a scalar, and the picture in luma steps, both with gradients."""
    delta = step_table()[i : i + 1]
    coded = code_plainly(x, delta, torch.tensor([DEAD]))
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_faster()):
        y = net(coded.dequantised, coded.shapes, torch.tensor([i]), offsets=offsets)
    return (y - x).square().sum() / delta**2, y / delta
