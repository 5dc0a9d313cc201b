"""Runs a net's layers on strips of rows side by side, and gives to the bit what the whole map would.

A strip is computed with as many rows around it as the layers reach, and these are cut off again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hvaecodec.models.side_by_side import cut, each, n_threads

LEAST = 1 << 27  # multiplications that are worth a strip: about two milliseconds of one processor

Layers = Callable[[Tensor, Tensor], Tensor]  # from a map (1, C, rows, columns) and what moves it to a map of that shape


def in_strips(layers: Layers, x: Tensor, moved: Tensor, *, reach: int, cost: int) -> Tensor:
    """Return `layers(x, moved)`, side by side within a crew of threads if the map is large.

    x: (1, C, rows, columns). moved: (1, 2 C, 1, 1), the same for all rows. reach: rows that an output depends on each
    way. cost: multiplications for each place of the map. Where gradients are asked for, nothing is cut: their sums over
    a map would be others.
    """
    work = cost * x.shape[2] * x.shape[3]
    with_gradients = torch.is_grad_enabled() and (x.requires_grad or moved.requires_grad)
    if n_threads() == 1 or with_gradients or len(x) > 1 or work < 2 * LEAST:
        return layers(x, moved)
    modes = _Modes.of_this_thread()

    def strip(rows: slice) -> Tensor:
        around = slice(max(0, rows.start - reach), min(x.shape[2], rows.stop + reach))
        with torch.no_grad(), modes.autocast():
            out = layers(x[:, :, around], moved)
        return out[:, :, rows.start - around.start : rows.stop - around.start]

    return torch.cat(each(strip, cut(x.shape[2], min(n_threads(), work // LEAST))), 2)


class _Modes(NamedTuple):
    """How a thread computes: the dtype that autocast casts to, None where there is none."""

    dtype: torch.dtype | None

    @classmethod
    def of_this_thread(cls) -> _Modes:
        return cls(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None)

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", self.dtype or torch.bfloat16, enabled=self.dtype is not None)
