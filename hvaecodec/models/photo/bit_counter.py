"""Counts the bits of symbols under the trainable prior, in floats and with gradients: the loss that trains it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.integer_rounding import straight
from hvaecodec.models.photo.fused_mass import fused_log2_mass
from hvaecodec.models.photo.layout import N_LEVELS, Step
from hvaecodec.models.photo.prior_walk import Arithmetic, Known

MIN_LOG2_SCALE, PER_OCTAVE, N_SCALES = -4.5, 3, 39  # of the scales that tables exist for; see `models.integers`


class Rounding(Arithmetic, Protocol):
    """A prior in floats. rounding: whether scales and means are rounded to what tables exist for."""

    rounding: bool


class BitCounter:
    """A `prior_walk.Coder` that adds up the bits of known symbols for each stream level.

    symbols: (B, 3, 32, 32, rows, columns).
    """

    def __init__(self, net: Rounding, symbols: Tensor) -> None:
        self.net, self.symbols = net, symbols.float()
        self.levels = [symbols.new_zeros((), dtype=torch.float32) for _ in range(N_LEVELS)]

    def known_dc(self) -> Tensor:
        """Return the DCs, (B, 3, rows, columns)."""
        return self.symbols[:, :, 0, 0]

    def known_symbols(self) -> Tensor:
        """Return all symbols."""
        return self.symbols

    def code_dc(self, tiles: np.ndarray, channels: slice, prediction: Tensor | None, head: Any) -> Tensor:
        """Count the bits of some DCs, unless they are the coarsest, and return them, (B, channels, N, 1)."""
        values = self.known_dc().flatten(2)[:, channels, torch.as_tensor(tiles)][..., None]
        if head is not None:
            self._count(0, values, prediction, head)
        return values

    def code_step(self, step: Step, prediction: Tensor | None, known: Known) -> Tensor:
        """Count the bits of a step's symbols and return them, (B, n, rows, columns)."""
        values = values_at(self.symbols, step)
        self._count(step.stream_level, values, prediction, self.net.conv(f"{step.name}.head", known.joined(self.net)))
        return values

    def _count(self, stream_level: int, values: Tensor, prediction: Tensor | None, head: Tensor) -> None:
        bits = symbol_bits(values, prediction, head.float(), self.net.rounding)
        self.levels[stream_level] = self.levels[stream_level] + bits


def values_at(symbols: Tensor, step: Step) -> Tensor:
    """Return the symbols of a step, (B, n, rows, columns), from all of (B, 3, 32, 32, rows, columns)."""
    return symbols.flatten(1, 3)[:, torch.from_numpy(step.places)]


def symbol_bits(values: Tensor, prediction: Tensor | None, head: Tensor, rounding: bool) -> Tensor:
    """Return the bits of `values`, summed, under what a head says: n normalised means, then n log2 scales.

    values: (B, n, rows, columns). prediction: of their shape, in quarter symbols. head: (B, 2n, rows, columns).
    rounding: whether scales and means take the values that tables exist for, with gradients straight through.
    """
    normalised, log2_scale = head.chunk(2, 1)
    log2_scale = (log2_scale - 1).clamp(MIN_LOG2_SCALE, MIN_LOG2_SCALE + (N_SCALES - 1) / PER_OCTAVE)
    if rounding:
        grid = torch.round((log2_scale - MIN_LOG2_SCALE) * PER_OCTAVE)
        log2_scale = straight(log2_scale, grid / PER_OCTAVE + MIN_LOG2_SCALE)
    scale = torch.exp2(log2_scale)
    mean = normalised * scale
    if prediction is not None:
        mean = mean + prediction / 4
    if rounding:
        quarter = torch.round(mean * 4) / 4
        mean = straight(mean, torch.where(scale > 2.1, torch.round(mean), quarter))
    return -fused_log2_mass(values - mean, scale).clamp_min(-40).sum()
