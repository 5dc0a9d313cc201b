"""Training of the generator: the ELBO with the posterior, and the distortion of the temperature-0 path, in one pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.dct import coefficients_to_tiles, rgb_to_ycc, tiles_to_coefficients, ycc_to_rgb
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quantiser import dequantise, frequency_weights, quantise, step_table
from hvaecodec.training.data import Ahead, Crops, Photos, corners
from hvaecodec.training.loop import Moment
from hvaecodec.training.photo.prior_task import VALID_INDICES, Batch
from hvaecodec.training.photo.searched_symbols import Entry, Pool, Search
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.photo import GeneratorTraining
from hvaecodec.training.validation import psnr_db

VALID_PICTURES, VALID_ELBO = 40, 12
_BATCHES, _ENTRIES = 4, 5  # kinds of random draws


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
        self.s = frequency_weights().to(self.device)
        torch.manual_seed(place.seed)
        self.net = Generator(config.net).to(self.device)
        self.batches = Ahead(self._make_batch, place.workers)
        self.pool = Pool(config.pool, self._make_entry)
        valid = photos.valid[:VALID_PICTURES]
        self.valid = corners(valid, 2 * config.side).to(self.device) if valid else None

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return squared error at temperature 0 relative to its usual size, plus a share of -ELBO, and the parts."""
        c = self.config
        x, dequantised, step_index = self._crops(moment, rng)
        with self.place.autocast():
            out, nll, kls = self.net.train_step(x, dequantised, step_index, c.elbo_crops)
        k = len(x) - c.elbo_crops
        mse = ((out - x) ** 2).flatten(1).mean(1)[:k]
        distortion = (mse / (0.45 * self.delta[step_index[:k]] ** 1.25)).mean()
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
            dequantised = self._dequantised(self.valid, step_index)
            few = slice(0, VALID_ELBO)
            with self.place.autocast():
                x_hat = self.net(dequantised, step_index)
                n = len(self.valid[few])
                _, nll, kls = self.net.train_step(self.valid[few], dequantised[few], step_index[few], n)
            plain = psnr_db(dequantised, self.valid)
            per_pixel = math.log(2) * self.valid[0, 0].numel()
            kl_bpp = [round(float(kl.mean()) / per_pixel, 4) for kl in kls]
            nll_bpd = float(nll.mean()) / math.log(2)
            out[f"{float(self.delta[i]):.1f}"] = {
                "context_psnr_db": round(plain, 3),
                "gain_db": round(psnr_db(x_hat, self.valid) - plain, 3),
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

    def _crops(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a step's pictures, what the decoder makes of their context, and their step indices, (B,)."""
        if self.config.symbols == "searched":
            entries = self.pool.pick(moment.step, self.config.crops // self.config.pool.crops, rng)
            x = torch.cat([entry.pixels for entry in entries]).to(self.device).float()
            indices = [entry.step_index for entry in entries for _ in entry.pixels]
            step_index = torch.tensor(indices, device=self.device)
            symbols = torch.cat([entry.symbols for entry in entries]).to(self.device).float()
            return x, self._picture(symbols, step_index), step_index
        batch = self.batches[moment.step]
        step_index = torch.randint(*self._indices(batch.fine), (len(batch.pixels),), generator=rng).to(self.device)
        x = batch.pixels.to(self.device)
        return x, self._dequantised(x, step_index), step_index

    def _make_batch(self, number: int) -> Batch:
        rng = self.place.rng(_BATCHES, number)
        fine = bool(rng.random() < self.config.fine_share)
        return Batch(self.crops.batch(self.config.crops, self.config.side, fine, rng), fine)

    def _make_entry(self, number: int) -> Entry:
        assert self.search is not None
        rng = self.place.rng(_ENTRIES, number)
        fine = bool(rng.random() < self.config.fine_share)
        pixels = self.crops.batch(self.config.pool.crops, self.config.side, fine, rng)
        step_index = int(rng.integers(*self._indices(fine)))
        steps = (self.delta[step_index] * self.s).cpu()[None, :, :, :, None, None]
        symbols = self.search(tiles_to_coefficients(rgb_to_ycc(pixels)) / steps, step_index)
        return Entry(pixels.byte(), step_index, symbols)

    def _indices(self, fine: bool) -> tuple[int, int]:
        return self.config.fine_indices if fine else self.config.indices

    def _dequantised(self, x: Tensor, step_index: Tensor) -> Tensor:
        symbols = quantise(tiles_to_coefficients(rgb_to_ycc(x)), self.delta[step_index], self.s)
        return self._picture(symbols, step_index)

    def _picture(self, symbols: Tensor, step_index: Tensor) -> Tensor:
        return ycc_to_rgb(coefficients_to_tiles(dequantise(symbols, self.delta[step_index], self.s)))
