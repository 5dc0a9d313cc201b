"""Searched symbols over chosen blocks for the end of training: as `searched_symbols`, with their shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_photo_partition import error_weights
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.block_search import BlockRounder
from hvaecodec.codec.photo.block_symbols import encode_block_symbols
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.block_prior_exact import BlockExactArithmetic
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet
from hvaecodec.models.photo.prior_exact import export_integers
from hvaecodec.training.photo.searched_symbols import LAGRANGIAN
from hvaecodec.training.recipes.photo import PoolConfig


class BlockSearch:
    """Chooses by rate-distortion optimised rounding against the integers of a prior as it stands now."""

    def __init__(self, net: BlockPriorNet, lagrangian: float = LAGRANGIAN) -> None:
        self.arithmetic = BlockExactArithmetic(export_integers(copy.deepcopy(net).cpu()), net.config)
        self.tables = Tables(logistic_tables())
        self.config = SearchConfig(lagrangian=lagrangian)

    @torch.no_grad()
    def __call__(self, coefficients: Tensor, shapes: Tensor, step_index: int) -> Tensor:
        """Choose int16 symbols, picture by picture, for coefficients in units of their steps.

        coefficients: (B, 3, 32, 32, rows, columns). shapes: int64 (B, 2, 2 rows, 2 columns).
        """
        return torch.stack([self._one(c, s, step_index) for c, s in zip(coefficients, shapes, strict=True)])

    def _one(self, coefficients: Tensor, shapes: Tensor, step_index: int) -> Tensor:
        maps = shapes.numpy()
        decide = BlockRounder(coefficients.contiguous().numpy(), error_weights(maps), self.tables, self.config)
        frame = Frame((coefficients.shape[3], coefficients.shape[4]), step_index)
        *_, symbols = encode_block_symbols(self.arithmetic, self.tables, frame, maps, decide)
        return torch.from_numpy(symbols)


@dataclass(frozen=True)
class BlockEntry:
    """An entry has crops, uint8 (n, 3, side, side), the step index they share, their shapes, uint8, and symbols."""

    pixels: Tensor
    step_index: int
    shapes: Tensor
    symbols: Tensor  # int16


class BlockPool:
    """Keeps entries that `make(number)` returns: all at the first use, then a new one for the oldest now and then."""

    def __init__(self, config: PoolConfig, make: Callable[[int], BlockEntry]) -> None:
        self.config, self.make = config, make
        self.entries: list[BlockEntry] = []
        self.count = 0  # entries made so far

    def pick(self, step: int, count: int, rng: torch.Generator) -> list[BlockEntry]:
        """Return `count` different entries, or all there are, at random."""
        if len(self.entries) < self.config.entries:
            while len(self.entries) < self.config.entries:
                self.entries.append(self._new())
        elif step % self.config.every == 0:
            self.entries = [*self.entries[1:], self._new()]
        chosen = torch.randperm(len(self.entries), generator=rng)[:count].tolist()
        return [self.entries[i] for i in chosen]

    def _new(self) -> BlockEntry:
        self.count += 1
        return self.make(self.count - 1)

    def state(self) -> dict[str, Tensor]:
        """Return every entry, for a checkpoint: its symbols come from weights that are gone."""
        out = {"made": torch.tensor(self.count)}
        for i, e in enumerate(self.entries):
            parts = {"pixels": e.pixels, "index": torch.tensor(e.step_index), "shapes": e.shapes, "symbols": e.symbols}
            out |= {f"{i:04d}.{name}": value for name, value in parts.items()}
        return out

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned; with {} the pool starts anew."""
        self.count = int(state.get("made", 0))
        names = sorted(name.removesuffix(".index") for name in state if name.endswith(".index"))
        self.entries = [
            BlockEntry(state[f"{n}.pixels"], int(state[f"{n}.index"]), state[f"{n}.shapes"], state[f"{n}.symbols"])
            for n in names
        ]
