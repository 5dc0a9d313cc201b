"""Training of the generator: the ELBO with the posterior, and the distortion of the temperature-0 path, in one pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.dct import coefficients_to_tiles, rgb_to_ycc, tiles_to_coefficients, ycc_to_rgb
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quantiser import dequantise, frequency_weights, quantise, step_table
from hvaecodec.training.data import Ahead, Crops, corners, counter_rng
from hvaecodec.training.loop import Moment
from hvaecodec.training.photo.prior_task import VALID_INDICES, Batch
from hvaecodec.training.photo.searched_symbols import Entry, Pool, Search
from hvaecodec.training.recipes.photo import GeneratorTraining

VALID_PICTURES, VALID_ELBO = 40, 12
_BATCHES, _ENTRIES = 4, 5  # kinds of random draws


class GeneratorTask:
    """`loop.Task` of a `Generator`. search: needed where the configuration asks for searched symbols."""

    def __init__(
        self,
        config: GeneratorTraining,
        train: list[np.ndarray],
        valid: list[np.ndarray],
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
        workers: int = 0,
        search: Search | None = None,
    ) -> None:
        if config.symbols == "searched" and search is None:
            raise ValueError("training on searched symbols needs a search, and that a prior")
        self.config, self.seed, self.rank, self.bf16, self.search = config, seed, rank, bf16, search
        self.device = torch.device(device)
        self.crops = Crops(train, seed + 1)
        self.delta = step_table().to(self.device)
        self.s = frequency_weights().to(self.device)
        torch.manual_seed(seed)
        self.net = Generator(config.net).to(self.device)
        self.batches = Ahead(self._make_batch, workers)
        self.pool = Pool(config.pool, self._make_entry)
        self.valid = corners(valid[:VALID_PICTURES], 2 * config.side).to(self.device) if valid else None

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error at temperature 0, relative to what is usual at each rate, plus a share of the ELBO."""
        c = self.config
        x, dequantised, index = self._crops(moment, rng)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            out, nll, kls = self.net.train_step(x, dequantised, index, c.elbo_crops)
        k = len(x) - c.elbo_crops
        mse = ((out - x) ** 2).flatten(1).mean(1)[:k]
        distortion = (mse / (0.45 * self.delta[index[:k]] ** 1.25)).mean()
        kl = sum(kls, torch.zeros_like(nll)) / x[0].numel()
        warm = min(1.0, moment.step / c.kl_warm_up) if c.kl_warm_up else 1.0
        elbo = (nll + (0.2 + 0.8 * warm) * kl).mean()
        logs = {"distortion": distortion, "nll_nats": nll.mean(), "kl_nats": kl.mean()}
        return distortion + c.elbo_weight * elbo, {name: value.detach() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """By step size: PSNR of the context alone, the generator's gain at temperature 0, and the ELBO by its parts."""
        if self.valid is None:
            return {}
        out = {}
        for i in VALID_INDICES:
            index = torch.full((len(self.valid),), i, device=self.device)
            dequantised = self._dequantised(self.valid, index)
            few = slice(0, VALID_ELBO)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                x_hat = self.net(dequantised, index)
                n = len(self.valid[few])
                _, nll, kls = self.net.train_step(self.valid[few], dequantised[few], index[few], n)
            plain = _psnr_db(dequantised, self.valid)
            per_pixel = math.log(2) * self.valid[0, 0].numel()
            kl_bpp = [round(float(kl.mean()) / per_pixel, 4) for kl in kls]
            nll_bpd = float(nll.mean()) / math.log(2)
            out[f"{float(self.delta[i]):.1f}"] = {
                "context_psnr_db": round(plain, 3),
                "gain_db": round(_psnr_db(x_hat, self.valid) - plain, 3),
                "nll_bits_per_dim": round(nll_bpd, 4),
                "kl_bpp": kl_bpp,
                "elbo_bits_per_dim": round(nll_bpd + sum(kl_bpp) / 3, 4),
            }
        return out

    def state(self) -> dict[str, Tensor]:
        return self.pool.state() if self.config.symbols == "searched" else {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.pool.load_state(state)

    def _crops(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures, what the decoder makes of their context, and step indices, of one step."""
        if self.config.symbols == "searched":
            entries = self.pool.pick(moment.step, self.config.crops // self.config.pool.crops, rng)
            x = torch.cat([entry.pixels for entry in entries]).to(self.device).float()
            index = torch.tensor([entry.index for entry in entries for _ in entry.pixels], device=self.device)
            symbols = torch.cat([entry.symbols for entry in entries]).to(self.device).float()
            return x, self._picture(symbols, index), index
        batch = self.batches[moment.step]
        index = torch.randint(*self._indices(batch.fine), (len(batch.pixels),), generator=rng).to(self.device)
        x = batch.pixels.to(self.device)
        return x, self._dequantised(x, index), index

    def _make_batch(self, number: int) -> Batch:
        rng = counter_rng(self.seed, self.rank, _BATCHES, number)
        fine = bool(rng.random() < self.config.fine_share)
        return Batch(self.crops.batch(self.config.crops, self.config.side, fine, rng), fine)

    def _make_entry(self, number: int) -> Entry:
        assert self.search is not None
        rng = counter_rng(self.seed, self.rank, _ENTRIES, number)
        fine = bool(rng.random() < self.config.fine_share)
        pixels = self.crops.batch(self.config.pool.crops, self.config.side, fine, rng)
        index = int(rng.integers(*self._indices(fine)))
        steps = (self.delta[index] * self.s).cpu()[None, :, :, :, None, None]
        symbols = self.search(tiles_to_coefficients(rgb_to_ycc(pixels)) / steps, index)
        return Entry(pixels.byte(), index, symbols)

    def _indices(self, fine: bool) -> tuple[int, int]:
        return self.config.fine_indices if fine else self.config.indices

    def _dequantised(self, x: Tensor, index: Tensor) -> Tensor:
        return self._picture(quantise(tiles_to_coefficients(rgb_to_ycc(x)), self.delta[index], self.s), index)

    def _picture(self, symbols: Tensor, index: Tensor) -> Tensor:
        return ycc_to_rgb(coefficients_to_tiles(dequantise(symbols, self.delta[index], self.s)))


def _psnr_db(x_hat: Tensor, x: Tensor) -> float:
    """Mean over the pictures, after rounding, peak 255."""
    mse = ((x_hat.round().clamp(0, 255) - x) ** 2).flatten(1).mean(1)
    return float((10 * torch.log10(255**2 / mse.clamp_min(1e-6))).mean())
