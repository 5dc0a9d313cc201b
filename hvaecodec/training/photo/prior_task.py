"""Training of the DCT prior: estimated bits of quantised crops, all rates by turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.dct import rgb_to_ycc, tiles_to_coefficients
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import frequency_weights, step_table
from hvaecodec.training.data import Ahead, Crops, Photos, corners
from hvaecodec.training.loop import Moment
from hvaecodec.training.photo.linear import fit_linear
from hvaecodec.training.photo.searched_symbols import Entry, Pool, RoundingSearch
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.photo import PriorTraining

VALID_INDICES = (100, 232, 400, 560, 720)
LINEAR_NOISE = 10.0  # standard deviation of the quantisation error that the linear predictions expect, grey levels
_BATCHES, _ENTRIES, _LINEAR = 1, 2, 3  # kinds of random draws


@dataclass(frozen=True)
class Batch:
    """A batch has crops, float (B, 3, side, side) in 0..255; `fine` ones are of halved photos, for fine steps."""

    pixels: Tensor
    fine: bool


class PriorTask:
    """Trains a `PriorNet`; a `loop.Task`."""

    def __init__(self, config: PriorTraining, photos: Photos, place: Place = HERE) -> None:
        self.config, self.place, self.device = config, place, place.device
        self.crops = Crops(photos.train, place.seed)
        self.delta = step_table()
        self.s = frequency_weights()[None, :, :, :, None, None]
        torch.manual_seed(place.seed)
        self.net = PriorNet(config.net).to(self.device)
        self.batches = Ahead(self._make_batch, place.workers)
        self.pool = Pool(config.pool, self._make_entry)
        self.valid = self._coefficients(corners(photos.valid, config.side)) if photos.valid else None

    def fit_linear(self) -> None:
        """Fit the linear predictions; once, before training."""
        rng = self.place.common_rng(_LINEAR)
        crops = self.crops.batch(self.config.linear_crops, self.config.side, rng=rng)
        self.net.cpu()
        fit_linear(self.net, self._coefficients(crops, "cpu"), LINEAR_NOISE)
        self.net.to(self.device)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return bits per pixel, weighted so that all rates matter alike, and as they are."""
        self.net.rounding = moment.fraction > self.config.rounding_from
        symbols, step_index = self._symbols(moment, rng)
        n, rows, columns = symbols.shape[0], *symbols.shape[-2:]
        with self.place.autocast():
            bits = self.net.bits(symbols, torch.full((n,), step_index, device=self.device))
            bpp = torch.stack(bits).sum() / (n * rows * columns * 1024)
        delta = float(self.delta[step_index])
        return bpp * 2 * (delta / 40) ** 0.65, {"bpp": bpp.detach()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return, by step size, estimated bits per pixel, whole and by stream level, of plainly rounded crops."""
        if self.valid is None:
            return {}
        before, self.net.rounding = self.net.rounding, True
        out = {}
        n, rows, columns = self.valid.shape[0], *self.valid.shape[-2:]
        for step_index in VALID_INDICES:
            symbols = torch.round(self.valid / self.delta[step_index])
            bits = self.net.bits(symbols, torch.full((n,), step_index, device=self.device))
            bpp = [round(float(bits_of_level) / (n * rows * columns * 1024), 4) for bits_of_level in bits]
            out[f"{float(self.delta[step_index]):.1f}"] = {"est_bpp": round(sum(bpp), 4), "levels": bpp}
        self.net.rounding = before
        return out

    def state(self) -> dict[str, Tensor]:
        """Return the pool of searched symbols, if it is used: the weights that they come from are gone."""
        return self.pool.state() if self.config.symbols == "searched" else {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the pool back."""
        self.pool.load_state(state)

    def _symbols(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, int]:
        """Return symbols (n, 3, 32, 32, rows, columns) and the one step index of a step's crops."""
        if self.config.symbols == "searched":
            (entry,) = self.pool.pick(moment.step, 1, rng)
            return entry.symbols.to(self.device).float(), entry.step_index
        batch = self.batches[moment.step // self.config.uses]
        step_index = int(torch.randint(*self._indices(batch.fine), (), generator=rng))
        return torch.round(self._coefficients(batch.pixels) / self.delta[step_index]), step_index

    def _make_batch(self, number: int) -> Batch:
        rng = self.place.rng(_BATCHES, number)
        c = self.config
        if rng.random() < c.fine_share:
            return Batch(self.crops.batch(c.fine_crops, c.fine_side, True, rng), True)
        return Batch(self.crops.batch(c.crops, c.side, False, rng), False)

    def _make_entry(self, number: int) -> Entry:
        rng = self.place.rng(_ENTRIES, number)
        fine = bool(rng.random() < self.config.fine_share)
        side = self.config.fine_side if fine else self.config.side
        count = self.config.pool.crops * (self.config.side // side) ** 2
        pixels = self.crops.batch(count, side, fine, rng)
        step_index = int(rng.integers(*self._indices(fine)))
        search = RoundingSearch.of(self.net)
        symbols = search(self._coefficients(pixels, "cpu") / self.delta[step_index], step_index)
        return Entry(pixels.byte(), step_index, symbols)

    def _indices(self, fine: bool) -> tuple[int, int]:
        return self.config.fine_indices if fine else self.config.indices

    def _coefficients(self, pixels: Tensor, device: torch.device | str | None = None) -> Tensor:
        """Return coefficients / S of pixels in grey levels, (n, 3, 32, 32, rows, columns)."""
        device = self.device if device is None else device
        return tiles_to_coefficients(rgb_to_ycc(pixels.to(device))) / self.s.to(device)
