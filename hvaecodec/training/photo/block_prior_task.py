"""Training of the prior over tiles of different DCT blocks: estimated bits of quantised crops, all rates by turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.photo.block_prior_start import widened
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.checkpoint import load_weights
from hvaecodec.training.data import Ahead, Crops, Photos, corners
from hvaecodec.training.loop import Moment
from hvaecodec.training.photo.block_coding import blocks_of
from hvaecodec.training.photo.block_linear import fit_class_linear
from hvaecodec.training.photo.block_searched import BlockEntry, BlockPool, BlockSearch
from hvaecodec.training.photo.prior_task import LINEAR_NOISE, VALID_INDICES
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.photo import StepIndices
from hvaecodec.training.recipes.photo_blocks import BlockPriorTraining

_BATCHES, _ENTRIES, _LINEAR = 1, 2, 3  # kinds of random draws


@dataclass(frozen=True)
class BlockBatch:
    """A batch has coefficients in units of S, (n, 3, 32, 32, h, w), and the shapes, int64 (n, 2, 2 h, 2 w).

    step_index: what the shapes were chosen for. bounds: between which indices, the upper one excluded.
    """

    coefficients: Tensor
    shapes: Tensor
    step_index: int
    bounds: StepIndices


class BlockPriorTask:
    """Trains a `BlockPriorNet` on the CPU; a `loop.Task`."""

    def __init__(self, config: BlockPriorTraining, photos: Photos, place: Place = HERE) -> None:
        self.config, self.place = config, place
        self.crops = Crops(photos.train, place.seed)
        self.delta = step_table()
        torch.manual_seed(place.seed)
        self.net = BlockPriorNet(config.net)
        self.batches = Ahead(self._make_batch, place.workers)
        self.last: tuple[int, BlockBatch] | None = None
        self.pool = BlockPool(config.pool, self._make_entry)
        pixels = corners(photos.valid, config.side) if photos.valid else None
        self.valid = {i: blocks_of(pixels, self.delta[i]) for i in VALID_INDICES} if pixels is not None else None

    def fit_linear(self) -> None:
        """Fit the linear predictions, over all rates; once, before training."""
        rng = self.place.common_rng(_LINEAR)
        crops = self.crops.batch(self.config.linear_crops, self.config.side, rng=rng)
        step_index = torch.from_numpy(rng.integers(100, 793, len(crops)))
        fit_class_linear(self.net, *blocks_of(crops, self.delta[step_index]), LINEAR_NOISE)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return bits per pixel, weighted so that all rates matter alike, and as they are."""
        self.net.rounding = moment.fraction > self.config.rounding_from
        symbols, shapes, step_index = self._symbols(moment, rng)
        n, rows, columns = symbols.shape[0], *symbols.shape[-2:]
        with self.place.autocast():
            levels = self.net.bits(symbols, torch.full((n,), step_index), shapes)
            bpp = torch.stack(levels).sum() / (n * rows * columns * 1024)
        return bpp * 2 * (float(self.delta[step_index]) / 40) ** 0.65, {"bpp": bpp.detach()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return, by step size, estimated bits per pixel, whole and by stream level, of plainly rounded crops.

        Those of the shapes are not counted.
        """
        if self.valid is None:
            return {}
        before, self.net.rounding = self.net.rounding, True
        out = {}
        for step_index, (coefficients, shapes) in self.valid.items():
            symbols = torch.round(coefficients / self.delta[step_index])
            n, rows, columns = symbols.shape[0], *symbols.shape[-2:]
            levels = self.net.bits(symbols, torch.full((n,), step_index), shapes)
            bpp = [round(float(bits) / (n * rows * columns * 1024), 4) for bits in levels]
            out[f"{float(self.delta[step_index]):.1f}"] = {"est_bpp": round(sum(bpp), 4), "levels": bpp}
        self.net.rounding = before
        return out

    def state(self) -> dict[str, Tensor]:
        """Return the pool of searched symbols, if it is used."""
        return self.pool.state() if self.config.symbols == "searched" else {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the pool back."""
        self.pool.load_state(state)

    def _symbols(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor, int]:
        """Symbols (n, 3, 32, 32, h, w), shapes (n, 2, 2h, 2w) and the one step index of a step's crops."""
        if self.config.symbols == "searched":
            (entry,) = self.pool.pick(moment.step, 1, rng)
            return entry.symbols.float(), entry.shapes.long(), entry.step_index
        batch = self._batch(moment.step // self.config.uses)
        low, high = batch.bounds
        apart = int(torch.randint(-self.config.apart, self.config.apart + 1, (), generator=rng))
        step_index = min(max(batch.step_index + apart, low), high - 1)
        return torch.round(batch.coefficients / self.delta[step_index]), batch.shapes, step_index

    def _make_entry(self, number: int) -> BlockEntry:
        rng = self.place.rng(_ENTRIES, number)
        c = self.config
        fine = bool(rng.random() < c.fine_share)
        side = c.fine_side if fine else c.side
        pixels = self.crops.batch(c.pool.crops * (c.side // side) ** 2, side, fine, rng)
        step_index = int(rng.integers(*(c.fine_indices if fine else c.indices)))
        coefficients, shapes = blocks_of(pixels, self.delta[step_index])
        symbols = BlockSearch(self.net)(coefficients / self.delta[step_index], shapes, step_index)
        return BlockEntry(pixels.byte(), step_index, shapes.byte(), symbols)

    def _batch(self, number: int) -> BlockBatch:
        if self.last is None or self.last[0] != number:
            self.last = number, self.batches[number]
        return self.last[1]

    def _make_batch(self, number: int) -> BlockBatch:
        rng = self.place.rng(_BATCHES, number)
        c = self.config
        fine = rng.random() < c.fine_share
        bounds = c.fine_indices if fine else c.indices
        pixels = self.crops.batch(c.fine_crops if fine else c.crops, c.fine_side if fine else c.side, fine, rng)
        step_index = int(rng.integers(*bounds))
        return BlockBatch(*blocks_of(pixels, self.delta[step_index]), step_index, bounds)


def begin(task: BlockPriorTask, init: Path | None) -> None:
    """Give a task's net its first weights: fitted linear predictions, the rest as they are or from a trained prior.

    init: weights of a prior of undivided tiles, as `load_weights` takes them.
    """
    task.fit_linear()
    if init is None:
        return
    old = PriorNet()
    load_weights(old, init)
    widened(old.state_dict(), task.net)
