"""Stacks from their configurations alone: what a checkpoint or a file of weights says of the nets in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hvaecodec.models.hqa.hams import HamsLayer
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig
from hvaecodec.models.hqa.vqvae import VqVaeConfig, vqvae

Config = LayerConfig | VqVaeConfig


def make_layer(config: Config, bottom: bool) -> HqaLayer:
    """A new layer: of HQA, of HAMs if its decoder has outputs of its own, or the only one of a VQ-VAE."""
    if isinstance(config, VqVaeConfig):
        return vqvae(config)[0]
    return HamsLayer(config) if config.outputs and not bottom else HqaLayer(config, bottom)


def make_stack(configs: Sequence[Config]) -> HqaStack:
    """New layers, bottom first."""
    return HqaStack([make_layer(config, number == 0) for number, config in enumerate(configs)])


def config_from(raw: dict[str, Any]) -> Config:
    """The opposite of `dataclasses.asdict`."""
    if "widths" in raw:
        return VqVaeConfig(**{**raw, "widths": tuple(raw["widths"])})
    return LayerConfig(**raw)
