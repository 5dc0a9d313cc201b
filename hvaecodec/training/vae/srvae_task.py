"""Training of the srVAE or its single-level twin: -ELBO in bits per dim of CIFAR-10 pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.srvae.dense import started_by
from hvaecodec.models.srvae.srvae import SingleVae, SrVae, make
from hvaecodec.training.epochs import shifted
from hvaecodec.training.fused import fused
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes.srvae import SrVaeTraining

_VALID_BATCH = 64


class SrVaeTask:
    """`loop.Task` of both models. train, valid: uint8 (N, 32, 32, 3); larger ones than the net's are cropped."""

    def __init__(
        self,
        config: SrVaeTraining,
        train: np.ndarray,
        valid: np.ndarray,
        seed: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
        compiled: bool = False,
    ) -> None:
        self.config, self.bf16, self.device = config, bf16, torch.device(device)
        torch.manual_seed(seed)
        self.net: SingleVae | SrVae = make(config.net).to(self.device)
        self.bound = fused(self.net.bound, compiled, self.device)
        side = config.net.side
        self.train, self.valid = (
            torch.from_numpy(np.ascontiguousarray(part[:, :side, :side].transpose(0, 3, 1, 2)))
            for part in (train, valid)
        )

    def start(self) -> None:
        """Start the weight normalisation of a new net from the first training pictures."""
        x = self.train[: self.config.start_batch].float().to(self.device)
        with torch.no_grad(), started_by(self.net):
            self.net.terms(x)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Bits per dim, with KL at its weight of the moment, and the parts in nats, as they are."""
        x = self._augmented(rng).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            terms = {name: value.mean() for name, value in self.bound(*self.net.bound_inputs(x, rng)).items()}
        weight = min(1.0, moment.fraction / self.config.free_kl) if self.config.free_kl else 1.0
        weighed = {name: weight * value if name.startswith("kl") else value for name, value in terms.items()}
        return _bits_per_dim(weighed, x), {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """The same of pictures that are not trained on, whole, in float32, always with the same noise."""
        rng = torch.Generator().manual_seed(0)
        sums: dict[str, float] = {}
        for part in self.valid.split(_VALID_BATCH):
            for name, value in self.net.terms(part.float().to(self.device), rng).items():
                sums[name] = sums.get(name, 0.0) + float(value.sum())
        means = {name: total / len(self.valid) for name, total in sums.items()}
        dims = self.valid[0].numel() * math.log(2)
        return {"bits_per_dim": round(sum(means.values()) / dims, 4)} | {k: round(v, 1) for k, v in means.items()}

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        pass

    def _augmented(self, rng: torch.Generator) -> Tensor:
        """(B, 3, H, W) whole numbers 0..255."""
        c, side = self.config, self.config.net.side
        picks = torch.randint(len(self.train), (c.batch,), generator=rng)
        x = F.pad(self.train[picks].float(), [c.shift] * 4, mode="replicate")
        rows, columns = shifted(c.batch, side, c.shift, c.mirror, rng)
        which = torch.arange(c.batch)[:, None, None, None]
        return x[which, torch.arange(3)[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def _bits_per_dim(terms: dict[str, Tensor], x: Tensor) -> Tensor:
    return torch.stack(list(terms.values())).sum() / (x[0].numel() * math.log(2))
