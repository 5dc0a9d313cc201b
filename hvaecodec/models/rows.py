"""Runs a net's layers on strips of rows side by side, and gives to the bit what the whole map would.

A strip is computed with as many rows around it as the layers reach, and these are cut off again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hvaecodec.models.side_by_side import cut, each, n_threads

LEAST = 1 << 25  # multiplications that are worth a strip: about half a millisecond of one processor

Layers = Callable[..., Tensor]  # from what is common and maps (1, C, rows, columns) to a map


@dataclass(frozen=True)
class Strips:
    """How a computation may be cut: strips are whole units of rows, and each of its maps has so many rows a unit.

    reach: units that an output depends on each way. cost: multiplications for each unit.
    """

    units: int
    reach: int
    cost: int


def in_strips(layers: Layers, strips: Strips, *maps: Tensor, common: Sequence[Tensor] = ()) -> Tensor:
    """Return `layers(*common, *maps)`, side by side within a crew of threads if that is much work.

    maps: (1, C, rows, columns) each, as is the result. common: what is the same for all rows. Where gradients are asked
    for, nothing is cut: their sums over a map would be others.
    """
    units, reach, cost = strips.units, strips.reach, strips.cost
    with_gradients = torch.is_grad_enabled() and any(x.requires_grad for x in (*maps, *common))
    if n_threads() == 1 or with_gradients or len(maps[0]) > 1 or cost * units < 2 * LEAST:
        return layers(*common, *maps)
    modes, whole = _Modes.of_this_thread(), _Whole(units)

    def strip(own: slice) -> None:
        around = slice(max(0, own.start - reach), min(units, own.stop + reach))
        with torch.no_grad(), modes.autocast():
            out = layers(*common, *(_of_units(x, around, x.shape[2] // units) for x in maps))
            rows = out.shape[2] // (around.stop - around.start)
            inner = slice(own.start - around.start, own.stop - around.start)
            _of_units(whole.like(out, rows), own, rows).copy_(_of_units(out, inner, rows))

    each(strip, cut(units, min(n_threads(), cost * units // LEAST)))
    return whole.map


class _Whole:
    """The map that strips are put into, so that they are put together side by side too."""

    map: Tensor

    def __init__(self, units: int) -> None:
        self.units, self.lock = units, threading.Lock()

    def like(self, strip: Tensor, rows: int) -> Tensor:
        """Return the map, made when the first strip is there. rows: of a unit."""
        with self.lock:
            if not hasattr(self, "map"):
                of_channels = strip.is_contiguous(memory_format=torch.channels_last)
                order = torch.channels_last if of_channels else torch.contiguous_format
                size = (1, strip.shape[1], rows * self.units, strip.shape[3])
                self.map = torch.empty(size, dtype=strip.dtype, memory_format=order)
        return self.map


def _of_units(x: Tensor, units: slice, rows: int) -> Tensor:
    """The rows of some units, so many rows each."""
    return x[:, :, units.start * rows : units.stop * rows]


class _Modes(NamedTuple):
    """How a thread computes: the dtype that autocast casts to, None where there is none."""

    dtype: torch.dtype | None

    @classmethod
    def of_this_thread(cls) -> _Modes:
        return cls(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None)

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", self.dtype or torch.bfloat16, enabled=self.dtype is not None)
