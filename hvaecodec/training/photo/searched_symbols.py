"""Gives fine-tuning what an encoder really sends: symbols from its search, in a pool that is renewed bit by bit.

Prior and generator trained on plain rounding alone lose when the encoder starts to search; the last part of training
shows them the search's choices (within one step of plain rounding).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.by_shape import ByShape
from hvaecodec.codec.photo.chunk_coder import ChunkCoder
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.curvature import channel_weights
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.streams import Decide
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.prior_walk import walk
from hvaecodec.models.photo.quantiser import shape_weights, step_table
from hvaecodec.training.photo.coding import in_steps
from hvaecodec.training.recipes.photo import PoolConfig
from hvaecodec.training.sliding_pool import SlidingPool

LAGRANGIAN = 0.07  # of a bit where errors weigh as without a generator


class Search(Protocol):
    """Chooses symbols as an encoder does."""

    def __call__(self, pixels: Tensor, step_index: int) -> tuple[Tensor, Tensor]:
        """Choose symbols, int16 (B, 3, 32, 32, rows, columns), and shapes, int64 (B, 2, 2 rows, 2 columns).

        pixels: (B, 3, H, W) in 0..255, of whole tiles, on the CPU.
        """
        ...


class RoundingSearch:
    """Chooses by rate-distortion optimised rounding against the integers of a prior as it stands now."""

    def __init__(self, net: PriorNet, lagrangian: float = LAGRANGIAN) -> None:
        self.arithmetic = ExactArithmetic(export_integers(copy.deepcopy(net).cpu()), net.config)
        self.tables = Tables(logistic_tables())
        self.config = SearchConfig(lagrangian=lagrangian)
        self.weight = channel_weights(shape_weights().numpy())

    def __call__(self, pixels: Tensor, step_index: int) -> tuple[Tensor, Tensor]:
        """Choose the symbols of each picture by itself; see `Search`."""
        coefficients, shapes, _ = in_steps(pixels, step_table()[step_index].expand(len(pixels)))
        pairs = zip(coefficients, shapes, strict=True)
        return torch.stack([self._one(c, s.numpy(), step_index) for c, s in pairs]), shapes

    def _one(self, coefficients: Tensor, shapes: np.ndarray, step_index: int) -> Tensor:
        weight = ByShape(self.weight, shapes)
        decide = Rounder(coefficients.contiguous().numpy(), weight, self.tables, self.config)
        return torch.from_numpy(decided_symbols(self.arithmetic, shapes, step_index, decide))


class EncoderSearch:
    """Chooses as the encoder does that has a folder of weights: some pictures at effort 1, the others at effort 2.

    What refinement sends differs from what rounding sends, and effort 2 is what most files are made with. Adaptations
    are left out, for a net in training has none. share: of the pictures that are refined. passes: of refinement; fewer
    than an encoder's cost less and change most of what all change.
    """

    def __init__(self, folder: Path, share: float = 0.6, passes: int = 3) -> None:
        self.weights = DctVaeCodec.load(folder).weights
        self.share, self.config = share, SearchConfig(passes=(0, passes, passes), adapted=0)

    def __call__(self, pixels: Tensor, step_index: int) -> tuple[Tensor, Tensor]:
        """Encode each picture by itself; see `Search`."""
        symbols, shapes = [], []
        for number, picture in enumerate(pixels):
            effort = 2 if number < round(self.share * len(pixels)) else 1
            x = np.ascontiguousarray(picture.byte().permute(1, 2, 0).numpy())
            context = encode_picture(self.weights, x, step_index, effort, self.config).context
            symbols.append(torch.from_numpy(context.symbols))
            shapes.append(torch.from_numpy(context.shapes).long())
        return torch.stack(symbols), torch.stack(shapes)


@torch.no_grad()
def decided_symbols(prior: ExactArithmetic, shapes: np.ndarray, step_index: int, decide: Decide) -> np.ndarray:
    """Return the symbols, int16 (3, 32, 32, rows, columns), that `decide` chooses along the walk of a prior.

    shapes: int64 (2, 2 rows, 2 columns).
    """
    frame = Frame((shapes.shape[1] // 2, shapes.shape[2] // 2), step_index)
    coder = ChunkCoder(prior, frame, decide)
    walk(prior, prior.tensor(np.array([step_index])), shapes[None], coder)
    return coder.symbols


@dataclass(frozen=True)
class Entry:
    """An entry has crops, uint8 (n, 3, side, side), the step index they share, their shapes, uint8, and symbols."""

    pixels: Tensor
    step_index: int
    shapes: Tensor
    symbols: Tensor  # int16


class SearchedPool(SlidingPool[Entry]):
    """Keeps entries for a checkpoint too, for their symbols may come from weights that are gone."""

    def __init__(self, config: PoolConfig, make: Callable[[int], Entry]) -> None:
        super().__init__(config.entries, make, config.uses)

    def state(self) -> dict[str, Tensor]:
        """Return every entry by its number."""
        out: dict[str, Tensor] = {}
        for number, e in self.entries.items():
            parts = {"pixels": e.pixels, "index": torch.tensor(e.step_index), "shapes": e.shapes, "symbols": e.symbols}
            out |= {f"{number}.{name}": value for name, value in parts.items()}
        return out

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned; with {} the pool starts anew."""
        numbers = sorted(int(name.partition(".")[0]) for name in state if name.endswith(".index"))
        self.entries = {
            n: Entry(state[f"{n}.pixels"], int(state[f"{n}.index"]), state[f"{n}.shapes"], state[f"{n}.symbols"])
            for n in numbers
        }
