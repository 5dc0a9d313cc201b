"""Training of one layer of HQA, HAMs or VQ-VAE on top of frozen ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.hqa.build import make_layer
from hvaecodec.models.hqa.losses import (
    GumbelPool,
    LayerLoss,
    average_codes,
    codes_from_cells,
    layer_loss,
    perplexity,
    reset_rarest,
    squared_error,
)
from hvaecodec.models.hqa.stack import HqaStack, cells_of, choose
from hvaecodec.training.hqa.hqa_data import Source
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes.hqa import LayerTraining


class HqaLayerTask:
    """`loop.Task` of one layer.

    below: the layers under it, None for the bottom; they are frozen here, and nothing of them moves. source: pictures,
    float (B, C, H, W) in 0..1, or z_e of `below` if `encoded`. valid: the same, for validation.
    pool: how many Gumbel numbers there are.
    """

    def __init__(
        self,
        config: LayerTraining,
        below: HqaStack | None,
        source: Source,
        seed: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
        valid: Tensor | None = None,
        encoded: bool = False,
        pool: int = 1 << 23,
    ) -> None:
        self.config, self.source, self.bf16, self.encoded = config, source, bf16, encoded
        self.device = torch.device(device)
        self.below = None if below is None else below.freeze().to(self.device)
        self.valid = valid
        torch.manual_seed(seed)
        self.net = make_layer(config.layer, below is None).to(self.device)
        self.net.codebook.requires_grad_(config.objective.stochastic)
        self.pool = GumbelPool(torch.Generator().manual_seed(seed), pool, self.device)
        self.uses = torch.zeros(len(self.net.codebook), device=self.device)
        self.counts, self.sums = torch.zeros_like(self.uses), torch.zeros_like(self.net.codebook)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The layer's objective; before it a code may be reset, after it codes are averaged, as that says."""
        target = self._target(self.source(moment, rng))
        self.net.observe(target)
        c = self.config.objective
        if moment.step == 0 and c.even_start:
            self._even_start(target)
        begun = bool(self.counts.any())
        if not begun and moment.fraction >= c.begin:
            self._begin_codes(moment, rng)
            begun = True
        elif begun and c.stochastic:
            self._reset(moment, rng)
        found = self._loss(target, moment.fraction, rng, begun)
        self.uses += torch.bincount(found.indices, minlength=len(self.uses))
        if begun and not c.stochastic:
            average_codes(self.net.codebook, self.counts, self.sums, found.cells, found.indices, decay=c.decay)
        return found.loss, found.parts

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Error in the layer's own target with hard codes (mean squared, or share of wrong codes), and how many codes
        are in use, effectively."""
        if self.valid is None:
            return {}
        errors, uses = [], torch.zeros_like(self.uses)
        for part in self.valid.split(self.config.batch):
            target = self._target(part)
            indices = choose(self.net.cell_logits, self.net.encode(target))
            uses += torch.bincount(indices.flatten(), minlength=len(uses))
            errors.append(self._error(self.net.decode(self.net.lookup(indices)), target))
        return {"error": round(float(torch.stack(errors).mean()), 5), "perplexity": round(perplexity(uses), 1)}

    def state(self) -> dict[str, Tensor]:
        return {"uses": self.uses, "counts": self.counts, "sums": self.sums}

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def _target(self, batch: Tensor) -> Tensor:
        batch = batch.to(self.device, memory_format=torch.channels_last)
        if self.below is None or self.encoded:
            return batch
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.below.encode(batch, len(self.below) - 1).float()  # channels last, as convolutions like it

    def _codes(self, target: Tensor) -> Tensor | None:
        """The codes below that the decoder is to name, None if it reconstructs values."""
        if self.below is None or not getattr(self.config.layer, "outputs", 0):
            return None
        with torch.no_grad():
            return choose(self.below[len(self.below) - 1].cell_logits, target)

    def _error(self, decoded: Tensor, target: Tensor) -> Tensor:
        codes = self._codes(target)
        if codes is not None:
            return (decoded.argmax(1) != codes).float().mean()
        return squared_error(self.net, decoded, target).mean()

    def _loss(self, target: Tensor, fraction: float, rng: torch.Generator, quantised: bool) -> LayerLoss:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return layer_loss(
                self.net, target, self.config.objective, fraction,
                lambda count: self.pool.take(count, rng), codes=self._codes(target), quantised=quantised,
            )  # fmt: skip

    @torch.no_grad()
    def _even_start(self, target: Tensor) -> None:
        """Give the untrained encoder's z_e mean 0 and deviation 1 in every channel, so that the decoder sees them."""
        last, cells = self.net.encoder[-1], cells_of(self.net.encode(target))
        scale = 1 / cells.std(0).clamp_min(1e-3)
        last.bias.copy_((last.bias - cells.mean(0)) * scale)
        last.weight.mul_(scale[:, None, None, None])

    @torch.no_grad()
    def _begin_codes(self, moment: Moment, rng: torch.Generator) -> None:
        """Bring z_e to the scale that the posterior is to begin with, the decoder's answer unchanged, and make some
        z_e the first codes."""
        found: list[Tensor] = []
        while sum(map(len, found)) < 4 * len(self.uses):
            batch = self._target(self.source(Moment(moment.step + len(found), moment.fraction), rng))
            found.append(cells_of(self.net.encode(batch)))
        cells = torch.cat(found)
        scale = self.config.objective.first_deviation / cells.std(0).square().mean().sqrt()
        for parameter in self.net.encoder[-1].parameters():
            parameter.mul_(scale)
        self.net.decoder[0].weight.div_(scale)
        codes_from_cells(self.net.codebook, self.counts, self.sums, cells * scale, rng)

    def _reset(self, moment: Moment, rng: torch.Generator) -> None:
        """Now and then, move the least used code of the steps before."""
        c = self.config.objective
        if moment.step % c.reset_every == 0:
            if moment.fraction < c.reset_until:
                reset_rarest(self.net.codebook, self.uses, c.reset_below, rng)
            self.uses.zero_()
