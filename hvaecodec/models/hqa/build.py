"""This module makes HQA layers and stacks from the configurations that checkpoints and files of weights store."""

from __future__ import annotations

from collections.abc import Sequence

from hvaecodec.models.hqa.hams import HamsLayer
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig
from hvaecodec.models.hqa.vqvae import VqVaeConfig, vqvae

Config = LayerConfig | VqVaeConfig


def make_layer(config: Config, bottom: bool) -> HqaLayer:
    """Make a layer with random weights, of the kind that its configuration implies.

    A `VqVaeConfig` gives the only layer of a VQ-VAE. A `LayerConfig` gives a HAMs layer if its decoder has outputs of
    its own and a layer is below it, otherwise an HQA layer. bottom: whether the layer codes pictures.
    """
    if isinstance(config, VqVaeConfig):
        return vqvae(config)[0]
    return HamsLayer(config) if config.outputs and not bottom else HqaLayer(config, bottom)


def make_stack(configs: Sequence[Config]) -> HqaStack:
    """Make a stack with random weights from the configurations of its layers, bottom first."""
    return HqaStack([make_layer(config, layer_number == 0) for layer_number, config in enumerate(configs)])
