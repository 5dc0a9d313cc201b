"""Makes what textures are trained on: photos as a codec gives them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.backends.torch_hqa import TorchLayers
from hvaecodec.codec.hqa.pictures import indices_to_picture, picture_to_indices
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.nets import render
from hvaecodec.codec.settings import Decoding
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.models.photo.generator import rate_features
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.texture import layer_features
from hvaecodec.training.recipes.texture import DctTexture, HqaTexture

_EFFORT = 1  # of the encoder


class Coded(Protocol):
    """Codes and decodes photos at a codec's settings, which are whole numbers."""

    @property
    def valid_settings(self) -> tuple[int, ...]:
        """Return the settings that validation looks at."""
        ...

    def draw_setting(self, rng: np.random.Generator) -> int:
        """Draw a setting to train on."""
        ...

    def smooth(self, photo: np.ndarray, setting: int, seed: int) -> np.ndarray:
        """Code and decode a uint8 (H, W, 3) photo; the picture has the same shape. seed: of what the codec draws."""
        ...

    def rate(self, setting: int) -> Tensor:
        """Return what the texture knows of a setting, (1, 8)."""
        ...


@dataclass
class DctCoded:
    """Codes photos by `dct-vae-photo`; its settings are step indices."""

    codec: DctVaeCodec
    config: DctTexture
    valid_settings: tuple[int, ...] = (56, 136, 280)

    def draw_setting(self, rng: np.random.Generator) -> int:
        """Draw a step index, mostly a coarse one."""
        last = self.config.coarse_index if rng.random() < self.config.coarse else N_INDICES - 1
        return int(rng.integers(last + 1))

    def smooth(self, photo: np.ndarray, setting: int, seed: int) -> np.ndarray:
        """Code a photo and decode it at temperature 0."""
        coded = encode_picture(self.codec.weights, photo, setting, _EFFORT)
        picture = render(self.codec.weights.nets, coded.context, self.codec.generators.newest, Decoding())
        return picture[: photo.shape[0], : photo.shape[1]]

    def rate(self, setting: int) -> Tensor:
        """Return the features of a step index."""
        return rate_features(torch.tensor([setting]))


@dataclass
class StackCoded:
    """Codes photos by the layers of `hqa-photo`; its settings are layers, counted from 1.

    sampler: draws the layers under the coded one. None draws every cell by itself, as the paper does.
    """

    stack: HqaStack
    config: HqaTexture
    sampler: IndexSampler | None = None
    valid_settings: tuple[int, ...] = (2, 3, 4, 5)

    def draw_setting(self, rng: np.random.Generator) -> int:
        """Draw a layer with the weights of the configuration."""
        weights = np.array(self.config.layers)
        return 1 + int(rng.choice(len(weights), p=weights / weights.sum()))

    def smooth(self, photo: np.ndarray, setting: int, seed: int) -> np.ndarray:
        """Code a photo and decode it at temperature 1, the lower layers drawn."""
        layers = TorchLayers(self.stack)
        (indices,) = picture_to_indices(layers, photo, [setting - 1])
        decoded = indices_to_picture(layers, indices, setting - 1, Decoding(1.0, seed), self.sampler)
        return decoded[: photo.shape[0], : photo.shape[1]]

    def rate(self, setting: int) -> Tensor:
        """Return the features of a layer."""
        return layer_features(setting, len(self.stack))
