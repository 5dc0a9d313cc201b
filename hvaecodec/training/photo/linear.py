"""Fits the prior's integer linear predictions by least squares, for each class of tile (closed form, no gradient)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.photo.block_shapes import TILE_CLASSES
from hvaecodec.models.photo.layout import STEPS, Band, Step, dc_phases
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT, MAX_LINEAR_LEVEL
from hvaecodec.models.photo.prior_trainable import PriorNet, linear_patch, tile_classes


def fit_linear(net: PriorNet, coefficients: Tensor, shapes: Tensor, noise: float) -> None:
    """Fill the linear buffers of `net` from coefficients / S, (B, 3, 32, 32, h, w), in grey levels.

    shapes: int64 (B, 2, 2 h, 2 w). noise: standard deviation of the quantisation error to expect; it is the ridge of
    the fit.
    """
    classes = tile_classes(shapes)
    for step in (step for step in STEPS if step.stream_level <= MAX_LINEAR_LEVEL):
        for i, band in enumerate(step.bands):
            weight = _fit_band(step, band, coefficients, classes[:, step.map_number], noise)
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


def fit_dc(dc: Tensor, kind: str, scale_class: int, noise: float) -> Tensor:
    """Return (3, 12) integer weights that sum to 2**LINEAR_SHIFT, fitted on lattices of the class's stride.

    The mean of the four nearest if the pictures are too small to have that stride.
    """
    stride = 1 << scale_class
    rows = []
    for channel in range(3):
        xs, ys = [], []
        for phase in dc_phases(*dc.shape[2:]):
            if phase.kind != kind or phase.stride != stride:
                continue
            flat = dc[:, channel].flatten(1)
            near = flat[:, torch.as_tensor(phase.near)].double()
            centre = near[..., :4].mean(-1)
            xs.append((near - centre[..., None]).flatten(0, 1))
            ys.append((flat[:, torch.as_tensor(phase.at)].double() - centre).flatten())
        if not xs:
            rows.append(torch.tensor([2.0**LINEAR_SHIFT / 4] * 4 + [0.0] * 8))
            continue
        x, y = torch.cat(xs), torch.cat(ys)
        ridge = torch.eye(12, dtype=x.dtype) * (noise**2 + 0.01 * x.var()) * len(x)
        weight = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
        weight -= weight.sum() / 4 * torch.tensor([1.0] * 4 + [0.0] * 8)
        weight[:4] += 0.25
        weight = torch.round(weight * 2**LINEAR_SHIFT)
        weight[0] += 2**LINEAR_SHIFT - weight.sum()
        rows.append(weight.float())
    return torch.stack(rows)
