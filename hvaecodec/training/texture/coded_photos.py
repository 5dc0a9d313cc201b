"""What textures are trained on: photos as a codec gives them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_hqa import indices_to_picture, picture_to_indices
from hvaecodec.codec.backends.torch_photo_blocks import render
from hvaecodec.codec.hqa.codec import HqaPhotoCodec
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.settings import Decoding
from hvaecodec.models.photo.generator import rate_features
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.texture import layer_features
from hvaecodec.training.recipes.texture import DctTexture, HqaTexture

_EFFORT = 1  # of the encoder


class Coded(Protocol):
    """A codec at its settings. The settings of `shown` are what validation looks at."""

    @property
    def shown(self) -> tuple[int, ...]: ...

    def draw(self, rng: np.random.Generator) -> int:
        """A setting to train on."""
        ...

    def smooth(self, photo: np.ndarray, setting: int, seed: int) -> np.ndarray:
        """What the codec makes of a uint8 (H, W, 3) photo, the same shape."""
        ...

    def rate(self, setting: int) -> Tensor:
        """What the texture knows of a setting, (1, 8)."""
        ...


@dataclass
class DctCoded:
    """`dct-vae-photo` at its step indices."""

    codec: DctVaeCodec
    config: DctTexture
    shown: tuple[int, ...] = (56, 136, 280)

    def draw(self, rng: np.random.Generator) -> int:
        last = self.config.coarse_index if rng.random() < self.config.coarse else N_INDICES - 1
        return int(rng.integers(last + 1))

    def smooth(self, photo: np.ndarray, setting: int, seed: int) -> np.ndarray:
        net = self.codec.generators.get(self.codec.generators.newest)
        found = encode_picture(self.codec.weights, photo, setting, _EFFORT)
        steps = torch.from_numpy(self.codec.bitstream.steps(setting))
        return render(net, found.symbols, steps, setting)[: photo.shape[0], : photo.shape[1]]

    def rate(self, setting: int) -> Tensor:
        return rate_features(torch.tensor([setting]))


@dataclass
class HqaCoded:
    """`hqa-photo` at its layers, counted from 1."""

    codec: HqaPhotoCodec
    config: HqaTexture
    shown: tuple[int, ...] = (3, 4, 5)

    def draw(self, rng: np.random.Generator) -> int:
        weights = np.array(self.config.layers)
        return 1 + int(rng.choice(len(weights), p=weights / weights.sum()))

    def smooth(self, photo: np.ndarray, setting: int, seed: int) -> np.ndarray:
        drawing = self.codec.generators.drawing(self.codec.generators.newest)
        (indices,) = picture_to_indices(drawing.net, photo, [setting - 1])
        decoded = indices_to_picture(drawing.net, indices, setting - 1, Decoding(1.0, seed), drawing.sampler)
        return decoded[: photo.shape[0], : photo.shape[1]]

    def rate(self, setting: int) -> Tensor:
        return layer_features(setting, self.codec.bitstream.n_layers)
