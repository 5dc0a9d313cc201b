"""Training of a paper's VAE on -ELBO."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.vdvae.net import Bound, Vdvae
from hvaecodec.training.epochs import Shuffled
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes.vdvae import VdvaeTraining
from hvaecodec.training.vae.vae_data import VaePictures, bits, levels_of_bits

_EPOCHS = 11  # kind of random draws
_FITTED_ON = 20_000  # pictures that give the context its largest magnitudes
_VALID_BATCH = 100


class VdvaeTask:
    """`loop.Task` of a `Vdvae`."""

    def __init__(
        self,
        config: VdvaeTraining,
        pictures: VaePictures,
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
    ) -> None:
        self.config, self.pictures, self.bf16 = config, pictures, bf16
        self.device = torch.device(device)
        torch.manual_seed(seed)
        self.net = Vdvae(config.net)
        self.net.checkpointing = config.checkpointing
        if self.net.context is not None:
            _, seen = self._fixed(pictures.train[:_FITTED_ON])
            self.net.context.fit(seen / (pictures.levels - 1))
        self.net.to(self.device)
        self.picks = Shuffled(len(pictures.train), config.batch, seed, rank, _EPOCHS)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """-ELBO in nats per dimension. Every epoch passes each picture once, save a last part of a batch."""
        self.net.train()
        x = self.pictures.train[self.picks(moment.step)]
        if self.config.mirror:
            turned = torch.rand(len(x), 1, 1, 1, generator=rng) < 0.5
            x = torch.where(turned, x.flip(-1), x)
        seen = levels_of_bits(x) if self.config.sees_grey else None
        x = bits(x, rng) if self.pictures.grey else x.float()
        bound = self._bound(x, x if seen is None else seen)
        return bound.total().mean() / x[0].numel(), {name: value.detach() for name, value in _parts(bound).items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """-ELBO of held-out pictures by its parts, nats a picture, each with one sample of the posterior."""
        self.net.eval()
        x, seen = self._fixed(self.pictures.valid[: self.config.valid])
        if not len(x):
            return {}
        sums: dict[str, float] = {}
        for part, seen_part in zip(x.split(_VALID_BATCH), seen.split(_VALID_BATCH), strict=True):
            for name, value in _parts(self._bound(part, seen_part)).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part)
        return {name: round(total / len(x), 4) for name, total in sums.items()}

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        pass

    def _fixed(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """What the likelihood is of, always the same bits, and what encoder and context see."""
        x = self.pictures.fixed(part)
        return x, levels_of_bits(part) if self.config.sees_grey else x

    def _bound(self, x: Tensor, seen: Tensor) -> Bound:
        # a picture of one channel tells no layout; without these strides the first features, the largest, have the slow one
        x, seen = (part.to(self.device, memory_format=torch.channels_last) for part in (x, seen))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.net.bound(x, encoder_input=seen)


def _parts(bound: Bound) -> dict[str, Tensor]:
    """Means over the batch, nats a picture."""
    parts = {"nll_nats": bound.nll.mean(), "kl_nats": torch.stack(bound.kl).sum(0).mean()}
    if bound.context is not None:
        parts["context_nats"] = bound.context.mean()
    return parts | {"elbo_nats": bound.total().mean()}
