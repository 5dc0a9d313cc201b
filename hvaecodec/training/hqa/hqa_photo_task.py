"""Training of one layer of the photo HQA on top of frozen ones: the paper's loss, then the picture's own error too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.hqa.losses import GumbelPool, Objective, Relaxed, perplexity, squared_error, temperature_at
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, cells_of, grid_of
from hvaecodec.training.data import Ahead, Crops, corners, counter_rng
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes.hqa_photo import CodesTraining, LayerTraining

_CROPS, _FIRST, _GUMBEL = 11, 12, 13  # kinds of random draws
_VALID = 24  # validation crops
_SPREAD = 0.7


class LayerTask:
    """`loop.Task` of an `HqaLayer` over the frozen layers in `below`. workers: threads that make crops ahead."""

    def __init__(
        self,
        config: LayerTraining,
        below: list[HqaLayer],
        train: list[np.ndarray],
        valid: list[np.ndarray],
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
        workers: int = 0,
    ) -> None:
        self.config, self.seed, self.rank, self.bf16 = config, seed, rank, bf16
        self.device = torch.device(device)
        self.objective = Objective(probabilistic=config.probabilistic, temperature=config.temperature)
        torch.manual_seed(seed)
        self.net = HqaLayer(config.nets[config.number], bottom=config.number == 0).to(self.device)
        self.below = HqaStack(below).freeze().to(self.device)
        self.stack = HqaStack([*below, self.net])
        self.crops = Crops(train, seed)
        self.ahead = Ahead(self._make, workers)
        self.pool = Pool(config.pool, config.fresh, self._encoded)
        numbers = torch.Generator().manual_seed(int(counter_rng(seed, 0, _GUMBEL).integers(2**62)))
        self.gumbel = GumbelPool(numbers, device=self.device)
        self.used = torch.zeros(self.net.config.codes, device=self.device)
        if isinstance(config, CodesTraining):
            self.net.encoder.requires_grad_(False)
        self.valid = corners(valid[:_VALID], 256) / 255 if valid else None

    def fit(self) -> None:
        """Measure the targets, spread the untrained encoder's values and set the codes to some; before training."""
        rng = counter_rng(self.seed, 0, _FIRST)
        c = self.config
        with torch.no_grad():
            for _ in range(c.observed):
                self.net.observe(self._target(self.crops.batch(4, c.side, rng=rng)))
            first = self._target(self.crops.batch(16, c.side, rng=rng))
            spread(self.net, first)
            cells = cells_of(self.net.encode(first))
            picked = torch.from_numpy(rng.choice(len(cells), len(self.used), replace=len(cells) < len(self.used)))
            self.net.codebook.copy_(cells[picked.to(self.device)])

    @torch.no_grad()
    def refit(self, config: CodesTraining) -> None:
        """Freeze the encoder of a trained layer and spread its codes; before training."""
        rng, count, cells = counter_rng(self.seed, 0, _FIRST, 1), 0, []
        while count < config.spread_cells:
            cells.append(cells_of(self.net.encode(self._target(self.crops.batch(16, config.side, rng=rng)))))
            count += len(cells[-1])
        draws = torch.Generator().manual_seed(int(rng.integers(2**62)))
        balance(self.net, torch.cat(cells).float(), config.spread_below, draws)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The paper's loss over the values of the target, plus the weighted squared error of the picture."""
        pixels, target = self._batch(moment, rng)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            z_e = self.net.encode(target)
            cells = cells_of(z_e).float()
            moved = self._reset(moment, cells.detach(), rng)  # before the graph of this step has the codes
            noise = self.gumbel.take(len(cells) * len(self.used), rng).view(len(cells), -1)
            drawn = Relaxed.apply(cells, self.net.codebook, noise, temperature_at(self.objective, moment.fraction))
            mixed, nll, used = cast("tuple[Tensor, Tensor, Tensor]", drawn)
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
        self.used += torch.bincount(used, minlength=len(self.used))
        return loss, logs | {"moved": moved}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """PSNR of the picture of validation crops by modes, and the perplexity of the layer's codes on them."""
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
        return {"used": self.used}

    def load_state(self, state: dict[str, Tensor]) -> None:
        if "used" in state:
            self.used.copy_(state["used"])

    def _batch(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Pictures 0..1 and what the layer reconstructs: themselves, or the values of the layer below."""
        if not self.config.pool:
            return self._encoded(moment.step)
        return self.pool.pick(moment.step, self.config.crops, rng)

    def _encoded(self, number: int) -> tuple[Tensor, Tensor]:
        pixels = self.ahead[number].to(self.device) / 255
        return pixels, self._target(pixels * 255)

    def _make(self, number: int) -> Tensor:
        c = self.config
        rng = counter_rng(self.seed, self.rank, _CROPS, c.number, number)
        return self.crops.batch(c.fresh if c.pool else c.crops, c.side, rng=rng)

    @torch.no_grad()
    def _target(self, pixels: Tensor) -> Tensor:
        """What the layer reconstructs of pixels 0..255."""
        x = pixels.to(self.device) / 255
        if self.config.number == 0:
            return x
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.below.encode(x, self.config.number - 1).float()

    def _picture(self, values: Tensor) -> Tensor:
        """The picture of values of the layer below, each layer's posterior replaced by its mean."""
        for number in range(self.config.number - 1, -1, -1):
            layer = self.below[number]
            q = torch.softmax(layer.cell_logits(cells_of(values)), 1)
            mean = grid_of(q @ layer.codebook, values)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                values = layer.decode(mean)
            values = layer.unstandardise(values.float())
        return values

    def _reset(self, moment: Moment, cells: Tensor, rng: torch.Generator) -> Tensor:
        """Move the codes that were hardly used since the last time onto cells of this batch; how many were moved."""
        moved = torch.zeros((), device=self.device)
        if moment.step and moment.step % self.config.reset_every == 0:
            if moment.fraction < self.config.reset_until:
                moved = moved + reset_rare(self.net.codebook, self.used, self.config.reset_below, cells, rng)
            self.used.zero_()
        return moved


@torch.no_grad()
def spread(layer: HqaLayer, target: Tensor) -> None:
    """Scale an encoder's last convolution so that every channel of z_e has mean 0 and deviation `_SPREAD`.

    Posteriors have no temperature of their own: from values close together every code would look alike at first.
    """
    cells = cells_of(layer.encode(target))
    last = layer.encoder[-1]
    factor = _SPREAD / cells.std(0).clamp_min(1e-4)
    last.bias.copy_((last.bias - cells.mean(0)) * factor)
    last.weight.mul_(factor[:, None, None, None])


@torch.no_grad()
def reset_rare(codebook: Tensor, counts: Tensor, below: float, cells: Tensor, rng: torch.Generator) -> int:
    """Move every code with less than a share `below` of the mean use onto a random cell, in place; how many were moved.

    The paper moves one code next to the most used one; with 512 codes and few steps that leaves many unused.
    codebook: (K, D). counts: (K,). cells: (N, D) values of z_e.
    """
    rare = torch.nonzero(counts < below * counts.mean())[:, 0]
    picked = torch.randint(len(cells), (len(rare),), generator=rng)
    codebook[rare] = cells[picked.to(cells.device)].to(codebook.dtype)
    return len(rare)


@torch.no_grad()
def balance(layer: HqaLayer, cells: Tensor, below: float, rng: torch.Generator, rounds: int = 12) -> None:
    """Lloyd's algorithm on a layer's codes, which moves rare codes onto random cells in all but the last rounds.

    cells: (N, D) values of z_e. below: as in `reset_rare`.
    """
    codes = layer.codebook
    for number in range(rounds):
        used = torch.cat([layer.cell_logits(part).argmax(1) for part in cells.split(16384)])
        counts = torch.bincount(used, minlength=len(codes)).to(cells)
        means = torch.zeros_like(codes).index_add_(0, used, cells) / counts.clamp_min(1)[:, None]
        codes.copy_(torch.where(counts[:, None] > 0, means, codes))
        if number < rounds - 3:
            reset_rare(codes, counts, below, cells, rng)


class Pool:
    """Encoded batches number step .. step + size - 1 of `make`; every step one is made and the oldest goes.

    Encoding by all the lower layers costs more than a step of the layer above, so a crop is used many times.
    crops: how many are kept, `fresh` in each batch that `make` gives.
    """

    def __init__(self, crops: int, fresh: int, make: Callable[[int], tuple[Tensor, Tensor]]) -> None:
        self.size, self.make = crops // fresh if crops else 0, make
        self.batches: dict[int, tuple[Tensor, Tensor]] = {}

    def pick(self, step: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """`count` crops at random, pictures 0..1 and targets."""
        wanted = range(step, step + self.size)
        self.batches = {n: self.batches[n] if n in self.batches else self._stored(n) for n in wanted}
        fresh = len(self.batches[step][0])
        picked = torch.randperm(self.size * fresh, generator=rng)[:count].tolist()
        rows = [(self.batches[step + i // fresh], i % fresh) for i in picked]
        pixels = torch.stack([batch[0][row] for batch, row in rows]).float() / 255
        return pixels, torch.stack([batch[1][row] for batch, row in rows]).float()

    def _stored(self, number: int) -> tuple[Tensor, Tensor]:
        """Kept small: whole grey levels, and targets in bfloat16."""
        pixels, target = self.make(number)
        return (pixels * 255).round().byte(), target.bfloat16()
