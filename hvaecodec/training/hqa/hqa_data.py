"""Gives batches to layers of HQA: every picture of a data set once an epoch, whole or as a random window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training import small_images
from hvaecodec.training.epochs import Shuffled
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.hqa import DataSet

# What a layer is trained on: pictures, float (B, C, H, W) in 0..1, or values of the layer below
Source = Callable[[Moment, torch.Generator], Tensor]

_ORDERS = 7  # kind of random draws
CACHED_BYTES = 1 << 29  # values of the layers below are kept, not computed again, if they take no more


def load_pictures(name: DataSet, data: Path) -> tuple[Tensor, Tensor]:
    """Read training and test pictures, uint8 (N, C, H, W). Raises FileNotFoundError without the pack."""
    images = small_images.mnist32(data) if name == "mnist32" else small_images.faces64(data)
    train, test = (torch.from_numpy(np.ascontiguousarray(part)) for part in (images.train, images.test))
    if train.ndim == 3:
        return train[:, None], test[:, None]
    return train.permute(0, 3, 1, 2).contiguous(), test.permute(0, 3, 1, 2).contiguous()


class Epochs:
    """Draws a tensor's rows in a new random order every epoch, by seed, rank and step alone; a `Source`.

    window: side of a random square to cut from every picture, 0 for all of it. uint8 becomes float in 0..1.
    """

    def __init__(self, rows: Tensor, batch: int, place: Place = HERE, *, window: int = 0) -> None:
        self.rows, self.window = rows, window
        self.picks = Shuffled(len(rows), batch, place, _ORDERS)

    def __call__(self, moment: Moment, rng: torch.Generator) -> Tensor:
        """Return a step's batch, float32 (B, C, H, W)."""
        batch = as_float(self.rows[self.picks(moment.step)])
        return cut_windows(batch, self.window, rng) if self.window else batch


def as_float(rows: Tensor) -> Tensor:
    """Turn rows into float32: uint8 into 0..1, anything else as it is."""
    return rows.float() / 255 if rows.dtype == torch.uint8 else rows.float()


def cut_windows(batch: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """Cut a random square of every picture, (B, C, side, side)."""
    height, width = batch.shape[2:]
    tops = torch.randint(height - side + 1, (len(batch),), generator=rng).tolist()
    lefts = torch.randint(width - side + 1, (len(batch),), generator=rng).tolist()
    cut = [x[:, t : t + side, s : s + side] for x, t, s in zip(batch, tops, lefts, strict=True)]
    return torch.stack(cut)


@torch.no_grad()
def encode_rows(below: HqaStack, rows: Tensor, place: Place, batch: int = 500) -> Tensor:
    """Return z_e of the top of `below` for every picture, float16 (N, dim, h, w), on the CPU."""
    out = []
    for part in rows.split(batch):
        with place.autocast():
            out.append(below.encode(as_float(part).to(place.device), len(below) - 1).half().cpu())
    return torch.cat(out)


def cache_fits(below: HqaStack, rows: Tensor) -> bool:
    """Tell whether `encode_rows` of all rows takes at most CACHED_BYTES."""
    with torch.no_grad():
        one = below.encode(as_float(rows[:1]).to(next(below.parameters()).device), len(below) - 1)
    return 2 * one.numel() * len(rows) <= CACHED_BYTES
