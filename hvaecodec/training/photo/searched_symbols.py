"""Gives fine-tuning what an encoder really sends: symbols from its search, in a pool that is renewed bit by bit.

Prior and generator trained on plain rounding alone lose when the encoder starts to search; the last part of training
shows them the search's choices (within one step of plain rounding).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.curvature import channel_weights
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.streams import encode_symbols
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import frequency_weights
from hvaecodec.training.recipes.photo import PoolConfig

LAGRANGIAN = 0.07  # of a bit where errors weigh as without a generator


class Search(Protocol):
    """Chooses symbols as an encoder does."""

    def __call__(self, coefficients: Tensor, step_index: int) -> Tensor:
        """Choose int16 symbols for coefficients in units of their steps.

        coefficients: float (B, 3, 32, 32, rows, columns), on the CPU; the symbols have the same shape.
        step_index: gives the steps that the coefficients were divided by.
        """
        ...


class RoundingSearch:
    """Chooses by the rate-distortion optimised rounding of `codec.photo.search` against the integers of a prior."""

    def __init__(
        self, arrays: dict[str, np.ndarray], config: PriorConfig, tables: list[np.ndarray] | None = None
    ) -> None:
        self.arithmetic = ExactArithmetic(arrays, config)
        self.tables = Tables(tables or logistic_tables())
        self.weight = channel_weights(frequency_weights().numpy())

    @classmethod
    def of(cls, net: PriorNet) -> RoundingSearch:
        """Return the search against a net as it stands now."""
        return cls(export_integers(copy.deepcopy(net).cpu()), net.config)

    def __call__(self, coefficients: Tensor, step_index: int) -> Tensor:
        """Choose the symbols of each picture by itself; see `Search`."""
        return torch.stack([self._one(picture.numpy(), step_index) for picture in coefficients])

    def _one(self, coefficients: np.ndarray, step_index: int) -> Tensor:
        decide = Rounder(coefficients, self.weight, self.tables, SearchConfig(lagrangian=LAGRANGIAN))
        frame = Frame((coefficients.shape[3], coefficients.shape[4]), step_index)
        with torch.no_grad():
            *_, symbols = encode_symbols(self.arithmetic, self.tables, frame, decide)
        return torch.from_numpy(symbols)


@dataclass(frozen=True)
class Entry:
    """An entry has crops, uint8 (n, 3, side, side), the step index they share, and their symbols, int16."""

    pixels: Tensor
    step_index: int
    symbols: Tensor


class Pool:
    """Keeps entries that `make(number)` returns: all at the first use, then a new one for the oldest now and then."""

    def __init__(self, config: PoolConfig, make: Callable[[int], Entry]) -> None:
        self.config, self.make = config, make
        self.entries: list[Entry] = []
        self.count = 0  # entries made so far

    def pick(self, step: int, count: int, rng: torch.Generator) -> list[Entry]:
        """Return `count` different entries, or all there are, at random."""
        if len(self.entries) < self.config.entries:
            while len(self.entries) < self.config.entries:
                self.entries.append(self._new())
        elif step % self.config.every == 0:
            self.entries = [*self.entries[1:], self._new()]
        chosen = torch.randperm(len(self.entries), generator=rng)[:count].tolist()
        return [self.entries[i] for i in chosen]

    def _new(self) -> Entry:
        self.count += 1
        return self.make(self.count - 1)

    def state(self) -> dict[str, Tensor]:
        """Return every entry, for a checkpoint: its symbols come from weights that are gone."""
        out = {"made": torch.tensor(self.count)}
        for i, entry in enumerate(self.entries):
            parts = {"pixels": entry.pixels, "index": torch.tensor(entry.step_index), "symbols": entry.symbols}
            out |= {f"{i:04d}.{name}": value for name, value in parts.items()}
        return out

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned; with {} the pool starts anew."""
        self.count = int(state.get("made", 0))
        names = sorted(name.removesuffix(".index") for name in state if name.endswith(".index"))
        self.entries = [Entry(state[f"{n}.pixels"], int(state[f"{n}.index"]), state[f"{n}.symbols"]) for n in names]
