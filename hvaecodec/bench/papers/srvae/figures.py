"""Draw grids of pictures as in figures 3, 6 and 7 of the srVAE's paper: generations and what else it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.bench.papers.srvae.measures import Model, batches, to_uint8
from hvaecodec.models.srvae.srvae import SrVae, downscaled
from hvaecodec.training.small_images import SmallImages

_ZOOM = 3  # screen pixels a pixel
_GAP = 2


def draw_figures(model: Model, images: SmallImages, out: Path, count: int = 8) -> list[Path]:
    """Write generations.png, reconstructions.png and interpolations.png; always of the same test pictures and noise."""
    rng = torch.Generator().manual_seed(0)
    side = model.config.side
    x = next(batches(images.test[:count, :side, :side]))
    columns = _generations(model, 5 * count, rng), _reconstructions(model, x, rng), _interpolations(model, x)
    names = ("generations.png", "reconstructions.png", "interpolations.png")
    paths = [out / name for name in names]
    for path, pictures in zip(paths, columns, strict=True):
        Image.fromarray(join_pictures(pictures)).save(path)
    return paths


def join_pictures(pictures: np.ndarray) -> np.ndarray:
    """Join uint8 pictures (rows, columns, H, W, 3) into one, each of them enlarged, with white between them."""
    rows, columns, height, width, _ = pictures.shape
    large = pictures.repeat(_ZOOM, 2).repeat(_ZOOM, 3)
    step_y, step_x = height * _ZOOM + _GAP, width * _ZOOM + _GAP
    out = np.full((rows * step_y + _GAP, columns * step_x + _GAP, 3), 255, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, left = _GAP + r * step_y, _GAP + c * step_x
            out[top : top + height * _ZOOM, left : left + width * _ZOOM] = large[r, c]
    return out


def _generations(model: Model, count: int, rng: torch.Generator) -> np.ndarray:
    """Return rows of generated x; for the srVAE each row of x below its row of y (figure 3)."""
    if not isinstance(model, SrVae):
        return to_uint8(model.generate(count, rng)).reshape(5, count // 5, *_shape(model))
    y, x = model.generate(count, rng)
    pairs = np.stack([to_uint8(_doubled(y)), to_uint8(x)]).reshape(2, 5, count // 5, *_shape(model))
    return pairs.swapaxes(0, 1).reshape(10, count // 5, *_shape(model))


def _reconstructions(model: Model, x: Tensor, rng: torch.Generator) -> np.ndarray:
    """Return the rows of figure 6.

    VAE: original, reconstruction. srVAE: y, original, super-resolution, reconstruction, generative reconstruction.
    """
    if not isinstance(model, SrVae):
        return np.stack([to_uint8(part) for part in (x, model.reconstruct(x, rng))])
    y = downscaled(x)
    rows = [_doubled(y), x, model.super_resolve(y, 1.0, rng), model.reconstruct(x, rng)]
    rows.append(model.generative_reconstruct(x, rng)[1])
    return np.stack([to_uint8(row) for row in rows])


def _interpolations(model: Model, x: Tensor) -> np.ndarray:
    """Return a row for every pair of test pictures: the first, eight steps between, the second (figure 7)."""
    half = len(x) // 2
    first, second = x[:half], x[half : 2 * half]
    between = model.interpolate(first, second, 8)
    return to_uint8(torch.cat([first[:, None], between, second[:, None]], 1))


def _shape(model: Model) -> tuple[int, int, int]:
    return (model.config.side, model.config.side, 3)


def _doubled(y: Tensor) -> Tensor:
    return y.repeat_interleave(2, -1).repeat_interleave(2, -2)
