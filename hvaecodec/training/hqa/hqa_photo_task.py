"""Training of one layer of the photo HQA on top of frozen ones: the paper's loss, then the picture's own error too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.hqa.losses import GumbelPool, Objective, Relaxed, perplexity, squared_error, temperature_at
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, cells_of, grid_of
from hvaecodec.training.data import Ahead, Crops, Photos, corners
from hvaecodec.training.hqa.codes import balance, reset_rare, spread
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.hqa_photo import CodesTraining, LayerTraining
from hvaecodec.training.sliding_pool import SlidingPool

_CROPS, _FIRST, _GUMBEL = 11, 12, 13  # kinds of random draws
_VALID = 24  # validation crops


class LayerTask:
    """Trains an `HqaLayer` over the layers in `below`, which it freezes; a `loop.Task`."""

    def __init__(
        self,
        config: LayerTraining,
        below: list[HqaLayer],
        photos: Photos,
        place: Place = HERE,
    ) -> None:
        self.config, self.place, self.device = config, place, place.device
        self.objective = Objective(probabilistic=config.probabilistic, temperature=config.temperature)
        torch.manual_seed(place.seed)
        self.net = HqaLayer(config.nets[config.number], bottom=config.number == 0).to(self.device)
        self.below = HqaStack(below).freeze().to(self.device)
        self.stack = HqaStack([*below, self.net])
        self.crops = Crops(photos.train, place.seed)
        self.ahead = Ahead(self._make, place.workers)
        self.pool = CropPool(config.pool, config.fresh, self._encoded)
        numbers = torch.Generator().manual_seed(int(place.common_rng(_GUMBEL).integers(2**62)))
        self.gumbel = GumbelPool(numbers, device=self.device)
        self.used = torch.zeros(self.net.config.codes, device=self.device)
        if isinstance(config, CodesTraining):
            self.net.encoder.requires_grad_(False)
        self.valid = corners(photos.valid[:_VALID], 256) / 255 if photos.valid else None

    def fit(self) -> None:
        """Measure the targets, spread the untrained encoder's values and set the codes to some; before training."""
        rng = self.place.common_rng(_FIRST)
        c = self.config
        with torch.no_grad():
            for _ in range(c.observed):
                self.net.observe(self._target(self.crops.batch(4, c.side, rng=rng)))
            first = self._target(self.crops.batch(16, c.side, rng=rng))
            spread(self.net, first)
            cells = cells_of(self.net.encode(first))
            picks = torch.from_numpy(rng.choice(len(cells), len(self.used), replace=len(cells) < len(self.used)))
            self.net.codebook.copy_(cells[picks.to(self.device)])

    @torch.no_grad()
    def refit(self, config: CodesTraining) -> None:
        """Freeze the encoder of a trained layer and spread its codes; before training."""
        rng, count, cells = self.place.common_rng(_FIRST, 1), 0, []
        while count < config.spread_cells:
            cells.append(cells_of(self.net.encode(self._target(self.crops.batch(16, config.side, rng=rng)))))
            count += len(cells[-1])
        draws = torch.Generator().manual_seed(int(rng.integers(2**62)))
        balance(self.net, torch.cat(cells).float(), config.spread_below, draws)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the paper's loss over the target plus the weighted squared error of the picture, and their parts."""
        pixels, target = self._batch(moment, rng)
        with self.place.autocast():
            z_e = self.net.encode(target)
            cells = cells_of(z_e).float()
            moved = self._reset(moment, cells.detach(), rng)  # before the graph of this step has the codes
            noise = self.gumbel.take(len(cells) * len(self.used), rng).view(len(cells), -1)
            temperature = temperature_at(self.objective, moment.fraction)
            relaxed = Relaxed.apply(cells, self.net.codebook, noise, temperature)
            mixed, nll, codes = cast("tuple[Tensor, Tensor, Tensor]", relaxed)
            decoded = self.net.decode(grid_of(mixed, z_e))
        error = squared_error(self.net, decoded.float(), target).mean()
        extra = self.config.probabilistic * nll.sum() / target.numel()
        logs = {"error": error.detach()}
        loss = error + extra
        if self.config.picture and moment.fraction >= self.config.picture_from:
            some = slice(self.config.picture_crops)
            picture = F.mse_loss(self._picture(self.net.unstandardise(decoded[some].float())), pixels[some])
            logs["picture_mse"] = picture.detach()
            loss = loss + self.config.picture * picture
        self.used += torch.bincount(codes, minlength=len(self.used))
        return loss, logs | {"moved": moved}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return PSNR of the picture of validation crops by modes, and the perplexity of the layer's codes on them."""
        if self.valid is None:
            return {}
        errors, counts = [], torch.zeros_like(self.used)
        for crop in self.valid.split(4):
            x = crop.to(self.device)
            indices = self.stack.indices(x, self.config.number)
            counts += torch.bincount(indices.flatten(), minlength=len(counts))
            x_hat = self.stack.decode(indices, self.config.number)
            errors.append(((x_hat - x) ** 2).mean((1, 2, 3)))
        psnr = (-10 * torch.log10(torch.cat(errors))).mean()
        return {"psnr_db": round(float(psnr), 3), "perplexity": round(perplexity(counts), 1)}

    def state(self) -> dict[str, Tensor]:
        """Return how often each code was used since codes were last moved."""
        return {"used": self.used}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the uses back."""
        if "used" in state:
            self.used.copy_(state["used"])

    def _batch(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures in 0..1 and what the layer reconstructs: themselves, or the values of the layer below."""
        if not self.config.pool:
            return self._encoded(moment.step)
        return self.pool.pick(moment.step, self.config.crops, rng)

    def _encoded(self, number: int) -> tuple[Tensor, Tensor]:
        pixels = self.ahead[number].to(self.device) / 255
        return pixels, self._target(pixels * 255)

    def _make(self, number: int) -> Tensor:
        c = self.config
        rng = self.place.rng(_CROPS, c.number, number)
        return self.crops.batch(c.fresh if c.pool else c.crops, c.side, rng=rng)

    @torch.no_grad()
    def _target(self, pixels: Tensor) -> Tensor:
        """Return what the layer reconstructs of pixels in 0..255."""
        x = pixels.to(self.device) / 255
        if self.config.number == 0:
            return x
        with self.place.autocast():
            return self.below.encode(x, self.config.number - 1).float()

    def _picture(self, values: Tensor) -> Tensor:
        """Return the picture of values of the layer below, each layer's posterior replaced by its mean."""
        for number in range(self.config.number - 1, -1, -1):
            layer = self.below[number]
            q = torch.softmax(layer.cell_logits(cells_of(values)), 1)
            mean = grid_of(q @ layer.codebook, values)
            with self.place.autocast():
                values = layer.decode(mean)
            values = layer.unstandardise(values.float())
        return values

    def _reset(self, moment: Moment, cells: Tensor, rng: torch.Generator) -> Tensor:
        """Move the codes that were hardly used since the last time onto cells of this batch; return how many."""
        moved = torch.zeros((), device=self.device)
        if moment.step and moment.step % self.config.reset_every == 0:
            if moment.fraction < self.config.reset_until:
                moved = moved + reset_rare(self.net.codebook, self.used, self.config.reset_below, cells, rng)
            self.used.zero_()
        return moved


class CropPool:
    """Keeps crops that the lower layers have encoded, in a `SlidingPool` of batches that moves on at every step.

    Encoding by all the lower layers costs more than a step of the layer above, so a crop is used many times.
    crops: how many are kept, `fresh` in each batch that `make` returns as pictures in 0..1 and targets.
    """

    def __init__(self, crops: int, fresh: int, make: Callable[[int], tuple[Tensor, Tensor]]) -> None:
        self.make = make
        self.batches = SlidingPool(crops // fresh if crops else 0, self._compact)

    def pick(self, step: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return `count` crops at random, pictures in 0..1 and targets."""
        batches = self.batches.window(step)
        fresh = len(batches[0][0])
        picks = torch.randperm(len(batches) * fresh, generator=rng)[:count].tolist()
        rows = [(batches[i // fresh], i % fresh) for i in picks]
        pixels = torch.stack([batch[0][row] for batch, row in rows]).float() / 255
        return pixels, torch.stack([batch[1][row] for batch, row in rows]).float()

    def _compact(self, number: int) -> tuple[Tensor, Tensor]:
        """Make a batch and keep it small: whole grey levels, and targets in bfloat16."""
        pixels, target = self.make(number)
        return (pixels * 255).round().byte(), target.bfloat16()
