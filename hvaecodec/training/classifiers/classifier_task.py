"""Training of a small classifier: cross-entropy on augmented pictures, accuracy on the test set."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.feature_nets import make
from hvaecodec.training.epochs import Shuffled, shifted
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes.classifiers import ClassifierTraining
from hvaecodec.training.small_images import SmallImages

_EPOCHS = 7  # kind of random draws
_VALID_BATCH = 500


class ClassifierTask:
    """`loop.Task` of a `FeatureNet`."""

    def __init__(
        self,
        config: ClassifierTraining,
        images: SmallImages,
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
    ) -> None:
        if images.train_labels is None or images.test_labels is None:
            raise ValueError(f"{images.name} has no classes to learn")
        self.config, self.bf16 = config, bf16
        self.device = torch.device(device)
        torch.manual_seed(seed)
        self.net = make(config.net).to(self.device)
        self.train = _padded(images.train, config.shift, "edge" if images.train.ndim == 4 else "constant")
        self.labels = torch.from_numpy(images.train_labels)
        self.test, self.test_labels = _padded(images.test, 0, "edge"), torch.from_numpy(images.test_labels)
        self._picks = Shuffled(len(self.train), config.batch, seed, rank, _EPOCHS)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats. Every epoch of this rank passes each picture once, save a last part of a batch."""
        self.net.train()
        picks = self._picks(moment.step)
        x = self._augmented(picks, rng).to(self.device)
        labels = self.labels[picks].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.net(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.config.smoothing)
        return loss, {"accuracy": (logits.argmax(1) == labels).float().mean().detach()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Accuracy and cross-entropy on the whole test set, in float32."""
        self.net.eval()
        right, nats = 0, 0.0
        for start in range(0, len(self.test), _VALID_BATCH):
            part = slice(start, start + _VALID_BATCH)
            labels = self.test_labels[part].to(self.device)
            logits = self.net(_scaled(self.test[part]).to(self.device))
            right += int((logits.argmax(1) == labels).sum())
            nats += float(F.cross_entropy(logits, labels, reduction="sum"))
        return {"test_accuracy": right / len(self.test), "test_nats": round(nats / len(self.test), 4)}

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        pass

    def _augmented(self, picks: Tensor, rng: torch.Generator) -> Tensor:
        """(B, C, 32, 32) in [0, 1]: shifted, mirrored, a square cut out."""
        n, c = len(picks), self.config
        side = self.train.shape[1] - 2 * c.shift
        rows, columns = shifted(n, side, c.shift, c.mirror, rng)
        x = _scaled(self.train[picks[:, None, None], rows[:, :, None], columns[:, None, :]])
        if c.cutout:
            starts = torch.randint(-c.cutout // 2, side - c.cutout // 2, (2, n, 1), generator=rng)
            inside = (torch.arange(side) >= starts) & (torch.arange(side) < starts + c.cutout)  # (2, B, side)
            x = x.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.5)
        return x


def _padded(images: np.ndarray, width: int, mode: Any) -> Tensor:
    """uint8 (N, H, W, C) with a border."""
    images = images if images.ndim == 4 else images[..., None]
    return torch.from_numpy(np.pad(images, ((0, 0), (width, width), (width, width), (0, 0)), mode))


def _scaled(images: Tensor) -> Tensor:
    """uint8 (B, H, W, C) to float32 (B, C, H, W) in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() / 255
