"""Batches for layers of HQA: whole data sets in memory, every picture once an epoch, whole or as random windows."""

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
from hvaecodec.training.recipes.hqa import DataSet

# What a layer is trained on: pictures, float (B, C, H, W) in 0..1, or values of the layer below
Source = Callable[[Moment, torch.Generator], Tensor]

_ORDERS = 7  # kind of random draws
CACHED_BYTES = 1 << 29  # values of the layers below are kept, not computed again, if they take no more


def pictures(name: DataSet, data: Path) -> tuple[Tensor, Tensor]:
    """Training and test pictures, uint8 (N, C, H, W). Raises FileNotFoundError without the pack."""
    found = small_images.mnist32(data) if name == "mnist32" else small_images.faces64(data)
    train, test = (torch.from_numpy(np.ascontiguousarray(part)) for part in (found.train, found.test))
    if train.ndim == 3:
        return train[:, None], test[:, None]
    return train.permute(0, 3, 1, 2).contiguous(), test.permute(0, 3, 1, 2).contiguous()


class Epochs:
    """Batches of a tensor's rows, in a new random order every epoch; a function of seed, rank and step alone.

    window: side of a random square to cut from every picture, 0 for all of it. uint8 becomes float in 0..1.
    """

    def __init__(self, rows: Tensor, batch: int, seed: int, rank: int = 0, window: int = 0) -> None:
        self.rows, self.window = rows, window
        self.picks = Shuffled(len(rows), batch, seed, rank, _ORDERS)

    def __call__(self, moment: Moment, rng: torch.Generator) -> Tensor:
        picked = as_float(self.rows[self.picks(moment.step)])
        return windows(picked, self.window, rng) if self.window else picked


def as_float(rows: Tensor) -> Tensor:
    """uint8 to 0..1, anything else as it is, float32."""
    return rows.float() / 255 if rows.dtype == torch.uint8 else rows.float()


def windows(batch: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """A random square of every picture, (B, C, side, side)."""
    height, width = batch.shape[2:]
    tops = torch.randint(height - side + 1, (len(batch),), generator=rng).tolist()
    lefts = torch.randint(width - side + 1, (len(batch),), generator=rng).tolist()
    cut = [x[:, t : t + side, s : s + side] for x, t, s in zip(batch, tops, lefts, strict=True)]
    return torch.stack(cut)


@torch.no_grad()
def encoded(below: HqaStack, rows: Tensor, device: torch.device, bf16: bool, batch: int = 500) -> Tensor:
    """z_e of the top of `below` for every picture, float16 (N, dim, h, w), on the CPU."""
    out = []
    for part in rows.split(batch):
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            out.append(below.encode(as_float(part).to(device), len(below) - 1).half().cpu())
    return torch.cat(out)


def cache_fits(below: HqaStack, rows: Tensor) -> bool:
    """Whether `encoded` of all rows takes at most CACHED_BYTES."""
    with torch.no_grad():
        one = below.encode(as_float(rows[:1]).to(next(below.parameters()).device), len(below) - 1)
    return 2 * one.numel() * len(rows) <= CACHED_BYTES
