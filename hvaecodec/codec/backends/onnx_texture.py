"""Textures with ONNX Runtime, for every codec that draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.add_texture import DrawTexture, Noise
from hvaecodec.codec.backends.onnx_session import Net
from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.graphs import graph_of
from hvaecodec.codec.weight_folders import config_of
from hvaecodec.models.texture_config import FIRST_NOISE, TextureConfig


@dataclass(frozen=True)
class OnnxTexture:
    """A texture: its sizes and its net."""

    config: TextureConfig
    net: Net


def build_texture(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> OnnxTexture:
    """Build a texture from the metadata and the arrays of its file. Raises CodecUnavailable."""
    config = config_from(TextureConfig, config_of(metadata))
    return OnnxTexture(config, Net(graph_of("texture", config), arrays))


def texture_drawer(texture: OnnxTexture, rate: np.ndarray) -> DrawTexture:
    """Return what runs a texture's net at the features of a rate, float32 (1, 8)."""
    channels = texture.config.noise

    def draw(picture: np.ndarray, noise: Noise) -> np.ndarray:
        quarter, half = noise(FIRST_NOISE, channels, 4), noise(FIRST_NOISE + 1, channels, 2)
        return texture.net(picture=picture, rate=rate, noise4=quarter, noise2=half)

    return draw
