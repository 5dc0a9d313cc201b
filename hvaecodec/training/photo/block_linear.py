"""Fits the linear predictions of the prior over chosen blocks: least squares for each class of tile (no gradient)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet, tile_classes
from hvaecodec.models.photo.block_shapes import TILE_CLASSES
from hvaecodec.models.photo.layout import STEPS, Band, Step
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT, MAX_LINEAR_LEVEL
from hvaecodec.models.photo.prior_trainable import linear_patch
from hvaecodec.training.photo.linear import fit_dc


def fit_class_linear(net: BlockPriorNet, coefficients: Tensor, shapes: Tensor, noise: float) -> None:
    """Fill the linear buffers of `net` from coefficients / S, (B, 3, 32, 32, h, w), in grey levels.

    shapes: int64 (B, 2, 2 h, 2 w). noise: standard deviation of the quantisation error to expect; it is the ridge of
    the fit.
    """
    classes = tile_classes(shapes)
    for step in STEPS[: 4 * MAX_LINEAR_LEVEL]:
        for i, band in enumerate(step.bands):
            weight = _fit_band(step, band, coefficients, classes[:, 1 if band.channel else 0], noise)
            getattr(net, f"linear_{step.name}_{i}").copy_(weight)
    dc = coefficients[:, :, 0, 0]
    for kind in ("diagonal", "cross"):
        for scale_class in range(3):
            getattr(net, f"dc_linear_{kind}")[scale_class] = fit_dc(dc, kind, scale_class, noise)


def _fit_band(step: Step, band: Band, coefficients: Tensor, classes: Tensor, noise: float) -> Tensor:
    """(4, n n, inputs, 3, 3) whole weights / 2**LINEAR_SHIFT, a least-squares fit for each class of tile."""
    patch = linear_patch(step, band, coefficients)
    columns = F.unfold(F.pad(patch, (1, 1, 1, 1), mode="replicate"), 3)
    columns = columns.unflatten(1, (patch.shape[1], 9)).clone()
    columns[:, 0] -= columns[:, 0, 4:5].clone()  # the DC by its differences to the tile's own
    x = columns.flatten(1, 2).permute(1, 0, 2).flatten(1)
    c, u, v = band.where
    y = coefficients[:, c, u, v].flatten(1, 2).flatten(2).permute(1, 0, 2).flatten(1)
    every = []
    for number in range(TILE_CLASSES):
        tiles = (classes.flatten() == number).nonzero()[:, 0]
        xs, ys = x[:, tiles].double(), y[:, tiles].double()
        gram = xs @ xs.T + torch.eye(len(xs), dtype=xs.dtype) * (noise**2 * xs.shape[1] + 1)
        weight = torch.round(torch.linalg.solve(gram, xs @ ys.T).T * 2**LINEAR_SHIFT).unflatten(1, (-1, 9))
        weight[:, 0, 4] = 0
        weight[:, 0, 4] = -weight[:, 0].sum(1)
        every.append(weight.unflatten(2, (3, 3)).float())
    return torch.stack(every)
