"""Training of a small classifier: cross-entropy on augmented pictures, accuracy on the test set."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.feature_nets import make
from hvaecodec.training.epochs import Shuffled, random_windows
from hvaecodec.training.loop import Moment, Stateless
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.classifiers import ClassifierTraining
from hvaecodec.training.small_images import SmallImages

_EPOCHS = 7  # kind of random draws
_VALID_BATCH = 500


class ClassifierTask(Stateless):
    """Trains a `FeatureNet`; a `loop.Task`. Raises ValueError for images without labels."""

    def __init__(self, config: ClassifierTraining, images: SmallImages, place: Place = HERE) -> None:
        if images.train_labels is None or images.test_labels is None:
            raise ValueError(f"{images.name} has no classes to learn")
        self.config, self.place, self.device = config, place, place.device
        torch.manual_seed(place.seed)
        self.net = make(config.net).to(self.device)
        self.train = _padded(images.train, config.shift, "edge" if images.train.ndim == 4 else "constant")
        self.labels = torch.from_numpy(images.train_labels)
        self.test, self.test_labels = _padded(images.test, 0, "edge"), torch.from_numpy(images.test_labels)
        self._picks = Shuffled(len(self.train), config.batch, place, _EPOCHS)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cross-entropy in nats, and the accuracy.

        Every epoch of this rank passes each picture once, save a last part of a batch.
        """
        self.net.train()
        picks = self._picks(moment.step)
        x = self._augmented(picks, rng).to(self.device)
        labels = self.labels[picks].to(self.device)
        with self.place.autocast():
            logits = self.net(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.config.smoothing)
        return loss, {"accuracy": (logits.argmax(1) == labels).float().mean().detach()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return accuracy and cross-entropy (nats) on the whole test set, in float32."""
        self.net.eval()
        right, nats = 0, 0.0
        for start in range(0, len(self.test), _VALID_BATCH):
            part = slice(start, start + _VALID_BATCH)
            labels = self.test_labels[part].to(self.device)
            logits = self.net(_scaled(self.test[part]).to(self.device))
            right += int((logits.argmax(1) == labels).sum())
            nats += float(F.cross_entropy(logits, labels, reduction="sum"))
        return {"test_accuracy": right / len(self.test), "test_nats": round(nats / len(self.test), 4)}

    def _augmented(self, picks: Tensor, rng: torch.Generator) -> Tensor:
        """Return pictures that are shifted, mirrored and have a square cut out, (B, C, 32, 32) in [0, 1]."""
        n, c = len(picks), self.config
        side = self.train.shape[1] - 2 * c.shift
        rows, columns = random_windows(n, side, shift=c.shift, mirror=c.mirror, rng=rng)
        x = _scaled(self.train[picks[:, None, None], rows[:, :, None], columns[:, None, :]])
        if c.cutout:
            starts = torch.randint(-c.cutout // 2, side - c.cutout // 2, (2, n, 1), generator=rng)
            inside = (torch.arange(side) >= starts) & (torch.arange(side) < starts + c.cutout)  # (2, B, side)
            x = x.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.5)
        return x


def _padded(images: np.ndarray, width: int, mode: Any) -> Tensor:
    """Return uint8 (N, H, W, C) pictures with a border of `width`, filled by `mode` of numpy.pad."""
    images = images if images.ndim == 4 else images[..., None]
    return torch.from_numpy(np.pad(images, ((0, 0), (width, width), (width, width), (0, 0)), mode))


def _scaled(images: Tensor) -> Tensor:
    """Turn uint8 (B, H, W, C) into float32 (B, C, H, W) in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() / 255
