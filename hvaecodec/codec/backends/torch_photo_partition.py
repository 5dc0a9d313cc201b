"""Pictures to coefficients over chosen blocks and back, with PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_photo_transform import as_rgb
from hvaecodec.codec.photo.curvature import channel_weights
from hvaecodec.models.dct import TILE, rgb_to_ycc, ycc_to_rgb
from hvaecodec.models.photo.block_layout import blocks_to_tiles, by_place, tiles_to_blocks
from hvaecodec.models.photo.partition import by_channel, choose_shapes
from hvaecodec.models.photo.quantiser import shape_steps, shape_weights


@dataclass(frozen=True)
class Analysis:
    """An analysis has coefficients in units of their steps, float32 (3, 32, 32, rows, columns), and their shapes.

    shapes: maps of luma and chroma, int64 (2, 2 rows, 2 columns).
    """

    coefficients: np.ndarray
    shapes: np.ndarray


def analyse(pixels: np.ndarray, delta: float, shapes: np.ndarray | None = None) -> Analysis:
    """Transform a uint8 (H, W) or (H, W, 3) picture for a step size; where there are no shapes yet they are chosen.

    The picture is continued by its last row and column to whole tiles; grey has chroma of zero.
    """
    height, width = pixels.shape[:2]
    margin = ((0, -height % TILE), (0, -width % TILE)) + ((0, 0),) * (pixels.ndim - 2)
    ycc = rgb_to_ycc(as_rgb(np.pad(pixels, margin, mode="edge"))[None])
    if pixels.ndim == 2:
        ycc[:, 1:] = 0
    step = torch.tensor([delta])
    maps = choose_shapes(ycc, step) if shapes is None else torch.from_numpy(shapes)[None]
    coefficients = tiles_to_blocks(ycc, by_channel(maps)) / shape_steps(maps, step)
    return Analysis(np.ascontiguousarray(coefficients[0].numpy()), maps[0].numpy())


def dequantised_blocks(symbols: np.ndarray, shapes: np.ndarray, delta: float, size: int = TILE) -> Tensor:
    """Return the picture of symbols without a generator, RGB (1, 3, rows * size, columns * size) float, unclipped.

    symbols: (3, 32, 32, rows, columns). size: pixels a tile has on each side.
    """
    maps = torch.from_numpy(shapes)[None]
    values = torch.from_numpy(symbols)[None].float() * shape_steps(maps, torch.tensor([delta]))
    return ycc_to_rgb(blocks_to_tiles(values, by_channel(maps), size))


def error_weights(shapes: np.ndarray, curvature: np.ndarray | None = None) -> np.ndarray:
    """Return what a squared error of one step costs, in squared luma steps, float32 (3, 32, 32, rows, columns).

    curvature: (7, 3, 32, 32) by shape and place, how much of it is left behind the generator; None is 1.
    """
    weight = np.stack([channel_weights(table) for table in shape_weights().numpy()])
    table = torch.from_numpy((weight if curvature is None else weight * curvature).astype(np.float32))
    maps = torch.from_numpy(shapes)[None]
    parts = by_place(table[:, :1], maps[:, :1]), by_place(table[:, 1:], maps[:, 1:])
    return np.ascontiguousarray(torch.cat(parts, 1)[0].numpy())
