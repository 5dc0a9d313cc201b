"""Training of a paper's VAE on -ELBO."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hvaecodec.models.vdvae.net import Bound, Vdvae
from hvaecodec.training.epochs import Shuffled
from hvaecodec.training.loop import Moment, Stateless
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.vdvae import VdvaeTraining
from hvaecodec.training.vae.vae_data import VaePictures, draw_bits, ink_probability

_EPOCHS = 11  # kind of random draws
_FITTED_ON = 20_000  # pictures that give the context its largest magnitudes
_VALID_BATCH = 100


class VdvaeTask(Stateless):
    """Trains a `Vdvae`; a `loop.Task`."""

    def __init__(self, config: VdvaeTraining, pictures: VaePictures, place: Place = HERE) -> None:
        self.config, self.pictures, self.place = config, pictures, place
        torch.manual_seed(place.seed)
        self.net = Vdvae(config.net)
        self.net.checkpointing = config.checkpointing
        if self.net.context is not None:
            _, inputs = self._fixed(pictures.train[:_FITTED_ON])
            self.net.context.fit(inputs / (pictures.n_values - 1))
        self.net.to(place.device)
        self.picks = Shuffled(len(pictures.train), config.batch, place, _EPOCHS)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -ELBO in nats per dimension, and its parts in nats a picture.

        Every epoch passes each picture once, save a last part of a batch.
        """
        self.net.train()
        x = self.pictures.train[self.picks(moment.step)]
        if self.config.mirror:
            turned = torch.rand(len(x), 1, 1, 1, generator=rng) < 0.5
            x = torch.where(turned, x.flip(-1), x)
        inputs = ink_probability(x) if self.config.sees_grey else None
        x = draw_bits(x, rng) if self.pictures.grey else x.float()
        bound = self._bound(x, x if inputs is None else inputs)
        return bound.total().mean() / x[0].numel(), {name: value.detach() for name, value in _parts(bound).items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return -ELBO of held-out pictures by its parts, nats a picture, each with one sample of the posterior."""
        self.net.eval()
        x, inputs = self._fixed(self.pictures.valid[: self.config.valid])
        if not len(x):
            return {}
        sums: dict[str, float] = {}
        for part, inputs_part in zip(x.split(_VALID_BATCH), inputs.split(_VALID_BATCH), strict=True):
            for name, value in _parts(self._bound(part, inputs_part)).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part)
        return {name: round(total / len(x), 4) for name, total in sums.items()}

    def _fixed(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the likelihood is of, always the same bits, and the inputs of encoder and context."""
        x = self.pictures.fixed(part)
        return x, ink_probability(part) if self.config.sees_grey else x

    def _bound(self, x: Tensor, inputs: Tensor) -> Bound:
        # a picture of one channel tells no layout; without these strides the first and largest features have the slow
        # one
        x, inputs = (part.to(self.place.device, memory_format=torch.channels_last) for part in (x, inputs))
        with self.place.autocast():
            return self.net.bound(x, encoder_input=inputs)


def _parts(bound: Bound) -> dict[str, Tensor]:
    """Return the means over the batch of a bound's parts, nats a picture."""
    parts = {"nll_nats": bound.nll.mean(), "kl_nats": torch.stack(bound.kl).sum(0).mean()}
    if bound.context is not None:
        parts["context_nats"] = bound.context.mean()
    return parts | {"elbo_nats": bound.total().mean()}
