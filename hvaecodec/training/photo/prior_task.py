"""Training of the DCT prior: estimated bits of quantised crops, all rates by turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.data import Ahead, Crops, Photos, corners
from hvaecodec.training.loop import Moment
from hvaecodec.training.photo.coding import blocks_of
from hvaecodec.training.photo.linear import fit_linear
from hvaecodec.training.photo.searched_symbols import Entry, RoundingSearch, Search, SearchedPool
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.photo import PriorTraining, StepIndices

VALID_INDICES = (100, 232, 400, 560, 720)
LINEAR_NOISE = 10.0  # standard deviation of the quantisation error that the linear predictions expect, grey levels
_BATCHES, _ENTRIES, _LINEAR = 1, 2, 3  # kinds of random draws


@dataclass(frozen=True)
class Batch:
    """A batch has coefficients in units of S, (n, 3, 32, 32, h, w), and the shapes, int64 (n, 2, 2 h, 2 w).

    step_index: what the shapes were chosen for. bounds: between which indices, the upper one excluded.
    """

    coefficients: Tensor
    shapes: Tensor
    step_index: int
    bounds: StepIndices


class PriorTask:
    """Trains a `PriorNet`; a `loop.Task`.

    search: chooses the symbols where the configuration asks for searched ones; None rounds against the net itself.
    """

    def __init__(
        self, config: PriorTraining, photos: Photos, place: Place = HERE, *, search: Search | None = None
    ) -> None:
        self.config, self.place, self.device, self.search = config, place, place.device, search
        self.crops = Crops(photos.train, place.seed)
        self.delta = step_table()
        torch.manual_seed(place.seed)
        self.net = PriorNet(config.net).to(self.device)
        self.batches = Ahead(self._make_batch, place.workers)
        self.last: tuple[int, Batch] | None = None
        self.pool = SearchedPool(config.pool, self._make_entry)
        pixels = corners(photos.valid, config.side) if photos.valid else None
        self.valid = {i: blocks_of(pixels, self.delta[i]) for i in VALID_INDICES} if pixels is not None else None

    def fit_linear(self) -> None:
        """Fit the linear predictions, over all rates; once, before training."""
        rng = self.place.common_rng(_LINEAR)
        crops = self.crops.batch(self.config.linear_crops, self.config.side, rng=rng)
        step_index = torch.from_numpy(rng.integers(100, 793, len(crops)))
        self.net.cpu()
        fit_linear(self.net, *blocks_of(crops, self.delta[step_index]), LINEAR_NOISE)
        self.net.to(self.device)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return bits per pixel, weighted so that all rates matter alike, and as they are."""
        self.net.rounding = moment.fraction > self.config.rounding_from
        symbols, shapes, step_index = self._symbols(moment, rng)
        n, rows, columns = symbols.shape[0], *symbols.shape[-2:]
        with self.place.autocast():
            levels = self._bits(symbols, shapes, step_index)
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
            levels = self._bits(symbols, shapes, step_index)
            bpp = [round(float(bits) / (n * rows * columns * 1024), 4) for bits in levels]
            out[f"{float(self.delta[step_index]):.1f}"] = {"est_bpp": round(sum(bpp), 4), "levels": bpp}
        self.net.rounding = before
        return out

    def state(self) -> dict[str, Tensor]:
        """Return the pool of searched symbols, if it is used: the weights that they come from are gone."""
        return self.pool.state() if self.config.symbols == "searched" else {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the pool back."""
        self.pool.load_state(state)

    def _bits(self, symbols: Tensor, shapes: Tensor, step_index: int) -> list[Tensor]:
        """The bits of symbols under shapes by stream level, counted where the net is."""
        indices = torch.full((len(symbols),), step_index, device=self.device)
        return self.net.bits(symbols.to(self.device), indices, shapes.to(self.device))

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

    def _make_entry(self, number: int) -> Entry:
        rng = self.place.rng(_ENTRIES, number)
        c = self.config
        fine = bool(rng.random() < c.fine_share)
        side = c.fine_side if fine else c.side
        pixels = self.crops.batch(c.pool.crops * (c.side // side) ** 2, side, fine, rng)
        step_index = int(rng.integers(*(c.fine_indices if fine else c.indices)))
        symbols, shapes = (self.search or RoundingSearch(self.net))(pixels, step_index)
        return Entry(pixels.byte(), step_index, shapes.byte(), symbols)

    def _batch(self, number: int) -> Batch:
        if self.last is None or self.last[0] != number:
            self.last = number, self.batches[number]
        return self.last[1]

    def _make_batch(self, number: int) -> Batch:
        rng = self.place.rng(_BATCHES, number)
        c = self.config
        fine = rng.random() < c.fine_share
        bounds = c.fine_indices if fine else c.indices
        pixels = self.crops.batch(c.fine_crops if fine else c.crops, c.fine_side if fine else c.side, fine, rng)
        step_index = int(rng.integers(*bounds))
        return Batch(*blocks_of(pixels, self.delta[step_index]), step_index, bounds)
