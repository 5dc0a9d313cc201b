"""What a step draws from a data set in memory: which rows, and which window of each picture."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from hvaecodec.training.data import counter_rng


class Shuffled:
    """Numbers of the rows of a step's batch: all in a new random order every epoch, save a last part of a batch.

    A function of the step and of `key` (a seed, a rank, the kind of random draws) alone: nothing to store.
    """

    def __init__(self, count: int, batch: int, *key: int) -> None:
        self.count, self.batch, self.key = count, min(batch, count), key
        self.order = lru_cache(2)(self._order)

    def __call__(self, step: int) -> Tensor:
        """int64 (batch,)."""
        epoch, position = divmod(step, self.count // self.batch)
        return self.order(epoch)[position * self.batch : (position + 1) * self.batch]

    def _order(self, epoch: int) -> Tensor:
        return torch.from_numpy(counter_rng(*self.key, epoch).permutation(self.count))


def shifted(count: int, side: int, shift: int, mirror: bool, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows and columns of a random window in each of some pictures with a border, int64 (count, side) each.

    shift: width of the border. mirror: turn half of the windows left to right.
    """
    rows, columns = (torch.randint(2 * shift + 1, (count, 1), generator=rng) + torch.arange(side) for _ in range(2))
    if mirror:
        turned = torch.rand(count, 1, generator=rng) < 0.5
        columns = torch.where(turned, columns.flip(1), columns)
    return rows, columns
