"""Draws from a data set in memory what a step sees: which rows, and which window of each picture."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from hvaecodec.training.place import Place


class Shuffled:
    """Numbers the rows of a step's batch: all rows in a new random order every epoch, save a last part of a batch.

    A function of the step, the seed and rank of a place, and the kind of random draws alone: nothing to store.
    """

    def __init__(self, count: int, batch: int, place: Place, kind: int) -> None:
        self.count, self.batch, self.place, self.kind = count, min(batch, count), place, kind
        self.order = lru_cache(2)(self._order)

    def __call__(self, step: int) -> Tensor:
        """Return the row numbers of a step's batch, int64 (batch,)."""
        epoch, position = divmod(step, self.count // self.batch)
        return self.order(epoch)[position * self.batch : (position + 1) * self.batch]

    def _order(self, epoch: int) -> Tensor:
        return torch.from_numpy(self.place.rng(self.kind, epoch).permutation(self.count))


def random_windows(count: int, side: int, *, shift: int, mirror: bool, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a window of `side` pixels in each of `count` pictures that have a border; int64 (count, side) rows, columns.

    shift: width of the border in pixels. mirror: turn half of the windows left to right.
    """
    rows, columns = (torch.randint(2 * shift + 1, (count, 1), generator=rng) + torch.arange(side) for _ in range(2))
    if mirror:
        turned = torch.rand(count, 1, generator=rng) < 0.5
        columns = torch.where(turned, columns.flip(1), columns)
    return rows, columns
