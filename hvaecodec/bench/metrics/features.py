"""The frozen nets that perception is measured with, from the package's weights, and features of pictures in them.

They live in the bench, which training may not import: no codec can be trained on what it is measured with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hvaecodec.bench.metrics import frechet
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, read_card, usable

if TYPE_CHECKING:
    from hvaecodec.models.feature_nets import FeatureNet

NAMES = ("features-cifar", "features-cifar-check", "digits")
FILE = "features.safetensors"
_BATCH = 128  # larger ones leave the cache


@dataclass(frozen=True)
class Features:
    """A frozen net in float32 and what its card says. digest: names its weights, 8 hexadecimal digits."""

    name: str
    net: FeatureNet
    digest: str
    card: dict[str, Any]
    side: int = 32  # of the patches it takes

    def of(self, images: np.ndarray) -> np.ndarray:
        """Return the features of pictures, float32 (N, D).

        images: (N, 32, 32, 3) or, for digits, (N, 32, 32); uint8, or float32 in [0, 1]. Raises ValueError for others.
        """
        return self._outputs(images, "features")

    def classes(self, images: np.ndarray) -> np.ndarray:
        """Return the most probable class of each picture, int64 (N,). images: as for `of`."""
        return self._outputs(images, "forward").argmax(1)

    def _outputs(self, images: np.ndarray, method: str) -> np.ndarray:
        import torch

        with torch.inference_mode():
            batches = [getattr(self.net, method)(x).numpy() for x in self._batches(images)]
        return np.concatenate(batches) if batches else np.empty((0, self.net.n_features), np.float32)

    def _batches(self, images: np.ndarray) -> Iterator[Any]:
        import torch

        shape = (32, 32) if self.net.channels == 1 else (32, 32, 3)
        if images.shape[1:] != shape or images.dtype not in (np.uint8, np.float32):
            raise ValueError(f"{self.name} takes uint8 or float32 {shape}, not {images.dtype} {images.shape[1:]}")
        scale = 255 if images.dtype == np.uint8 else 1
        for start in range(0, len(images), _BATCH):
            part = images[start : start + _BATCH].reshape(-1, 32, 32, self.net.channels)
            part = np.require(part, requirements="W")  # PyTorch warns of pictures that libraries give read-only
            yield (torch.from_numpy(part).float() / scale).permute(0, 3, 1, 2)


@cache
def load_features(name: str | Path) -> Features:
    """Return one of NAMES, or a net from a folder that `hvaecodec train features-cifar --export` made; loaded once.

    Raises CodecUnavailable if its weights are missing or cannot be read.
    """
    import torch

    from hvaecodec.codec.torch_weights import build_net, float_tensors
    from hvaecodec.models.feature_nets import config_from, make

    folder = WEIGHTS / name if name in NAMES else Path(name)
    with usable(f"cannot read the classifier {name} from {folder}"):
        weights, card = read_weights(folder / FILE), read_card(folder)
        config = config_from(weights.metadata["design"], config_of(weights.metadata))
        net = build_net(lambda: make(config), float_tensors(weights.arrays))
        network = str(card["network"])
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Features(network, net, hashlib.sha256(weights.data).hexdigest()[:8], card)


def rfd_lenet(originals: np.ndarray, decoded: np.ndarray) -> float:
    """Return rFD-LeNet: the Fréchet distance of two sets of digits in the features of our digit classifier, no rFID.

    originals, decoded: (N, 32, 32), uint8 or float32 in [0, 1], ink bright. For the formula see
    `hvaecodec.bench.metrics.frechet.frechet_distance`. Raises TooFewPatches under 256 digits.
    """
    net = load_features("digits")
    return frechet.frechet_distance(*(frechet.gaussian(net.of(images)) for images in (originals, decoded)))


def digit_errors(images: np.ndarray, labels: np.ndarray) -> float:
    """Return the part of the digits, 0..1, that our classifier takes for another than their label.

    images: as `rfd_lenet` takes them. labels: integers (N,).
    """
    return float(np.mean(load_features("digits").classes(images) != labels))
