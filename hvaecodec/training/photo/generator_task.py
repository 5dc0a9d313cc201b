"""Training of the generator: the ELBO with the posterior, and the distortion of the temperature-0 path, in one pass.

The blocks of every crop are chosen for its step size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.data import Ahead, Crops, Photos, corners
from hvaecodec.training.loop import Moment
from hvaecodec.training.photo.coding import Coded, code_plainly, picture_of
from hvaecodec.training.photo.prior_task import VALID_INDICES
from hvaecodec.training.photo.searched_symbols import Entry, Search, SearchedPool
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.photo import GeneratorTraining, StepIndices
from hvaecodec.training.validation import psnr_db

VALID_PICTURES, VALID_ELBO = 40, 12
MOST_WEIGHT = 8  # of the errors of a crop, before the exponent
_BATCHES, _ENTRIES = 4, 5  # kinds of random draws


@dataclass(frozen=True)
class Batch:
    """A batch has crops, float (B, 3, side, side) in 0..255; `fine` ones are of halved photos, for fine steps."""

    pixels: Tensor
    fine: bool


class GeneratorTask:
    """Trains a `Generator`; a `loop.Task`.

    search: needed where the configuration asks for searched symbols; ValueError without it.
    """

    def __init__(
        self,
        config: GeneratorTraining,
        photos: Photos,
        place: Place = HERE,
        *,
        search: Search | None = None,
    ) -> None:
        if config.symbols == "searched" and search is None:
            raise ValueError("training on searched symbols needs a search, and that a prior")
        self.config, self.place, self.device, self.search = config, place, place.device, search
        self.crops = Crops(photos.train, place.seed + 1)
        self.delta = step_table().to(self.device)
        torch.manual_seed(place.seed)
        self.net = Generator(config.net).to(self.device)
        self.batches = Ahead(self._make_batch, place.workers)
        self.pool = SearchedPool(config.pool, self._make_entry)
        valid = photos.valid[:VALID_PICTURES]
        self.valid = corners(valid, 2 * config.side).to(self.device) if valid else None

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return squared error at temperature 0 relative to its usual size, plus a share of -ELBO, and the parts.

        What is compared in the end is the mean of photos' PSNR, to which a photo's error counts relative to itself. A
        crop's error relative to itself would weigh flat crops too much, so `balance` lies between both.
        """
        c = self.config
        x, coded, step_index = self._crops(moment, rng)
        n = len(x)
        with self.place.autocast():
            out, nll, kls = self.net.train_step(x, coded.dequantised, coded.shapes, step_index, c.elbo_crops)
        few = slice(0, n - c.elbo_crops)
        mse, before = (((y[few] - x[few]) ** 2).flatten(1).mean(1) for y in (out, coded.dequantised))
        usual = 0.45 * self.delta[step_index[few]] ** 1.25
        weight = (usual / before.clamp_min(1e-3)).clamp(1 / MOST_WEIGHT, MOST_WEIGHT) ** c.balance
        distortion = (weight * mse / usual).mean()
        kl = sum(kls, torch.zeros_like(nll)) / x[0].numel()
        warm = min(1.0, moment.step / c.kl_warm_up) if c.kl_warm_up else 1.0
        elbo = (nll + (0.2 + 0.8 * warm) * kl).mean()
        logs = {"distortion": distortion, "nll_nats": nll.mean(), "kl_nats": kl.mean()}
        return distortion + c.elbo_weight * elbo, {name: value.detach() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return, by step size, PSNR of the context alone, the generator's gain at temperature 0, and -ELBO's parts."""
        if self.valid is None:
            return {}
        out = {}
        for i in VALID_INDICES:
            step_index = torch.full((len(self.valid),), i, device=self.device)
            coded = code_plainly(self.valid, self.delta[step_index])
            few = slice(0, VALID_ELBO)
            with self.place.autocast():
                x_hat = self.net(coded.dequantised, coded.shapes, step_index)
                n = len(self.valid[few])
                _, nll, kls = self.net.train_step(
                    self.valid[few], coded.dequantised[few], coded.shapes[few], step_index[few], n
                )
            plain, psnr = psnr_db(coded.dequantised, self.valid), psnr_db(x_hat, self.valid)
            per_pixel = math.log(2) * self.valid[0, 0].numel()
            kl_bpp = [round(float(kl.mean()) / per_pixel, 4) for kl in kls]
            nll_bpd = float(nll.mean()) / math.log(2)
            out[f"{float(self.delta[i]):.1f}"] = {
                "context_psnr_db": round(plain, 3),
                "psnr_db": round(psnr, 3),
                "gain_db": round(psnr - plain, 3),
                "nll_bits_per_dim": round(nll_bpd, 4),
                "kl_bpp": kl_bpp,
                "elbo_bits_per_dim": round(nll_bpd + sum(kl_bpp) / 3, 4),
            }
        return out

    def state(self) -> dict[str, Tensor]:
        """Return the pool of searched symbols, if it is used."""
        return self.pool.state() if self.config.symbols == "searched" else {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the pool back."""
        self.pool.load_state(state)

    def _crops(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Coded, Tensor]:
        """Return a step's pictures, what a decoder has of them, and their step indices, (B,)."""
        c = self.config
        if c.symbols == "searched":
            entries = self.pool.pick(moment.step, c.crops // c.pool.crops, rng)
            indices = [entry.step_index for entry in entries for _ in entry.pixels]
            step_index = torch.tensor(indices, device=self.device)
            x = torch.cat([entry.pixels for entry in entries]).to(self.device).float()
            shapes = torch.cat([entry.shapes for entry in entries]).to(self.device).long()
            symbols = torch.cat([entry.symbols for entry in entries]).to(self.device).float()
            return x, Coded(picture_of(symbols, shapes, self.delta[step_index]), shapes), step_index
        batch = self.batches[moment.step]
        x, n = batch.pixels.to(self.device), len(batch.pixels)
        step_index = torch.randint(*self._indices(batch.fine), (n,), generator=rng).to(self.device)
        bound = torch.empty(n).uniform_(*c.dead, generator=rng)
        dead = torch.where(torch.rand(n, generator=rng) < c.dropped, bound, 0.0).to(self.device)
        return x, code_plainly(x, self.delta[step_index], dead), step_index

    def _make_entry(self, number: int) -> Entry:
        assert self.search is not None
        rng = self.place.rng(_ENTRIES, number)
        fine = bool(rng.random() < self.config.fine_share)
        pixels = self.crops.batch(self.config.pool.crops, self.config.side, fine, rng)
        step_index = int(rng.integers(*self._indices(fine)))
        symbols, shapes = self.search(pixels, step_index)
        return Entry(pixels.byte(), step_index, shapes.byte(), symbols)

    def _indices(self, fine: bool) -> StepIndices:
        return self.config.fine_indices if fine else self.config.indices

    def _make_batch(self, number: int) -> Batch:
        rng = self.place.rng(_BATCHES, number)
        fine = bool(rng.random() < self.config.fine_share)
        return Batch(self.crops.batch(self.config.crops, self.config.side, fine, rng), fine)
