"""The nets of `hqa-photo` on torch: what runs on a block, and how the nets are built of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.codec.add_texture import Texture, add_texture
from hvaecodec.codec.hqa.pictures import indices_to_picture, picture_to_indices
from hvaecodec.codec.hqa.weights import HqaBitstream, layers_in, load_sampler
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.torch_guard import without_autocast
from hvaecodec.codec.torch_weights import build_net, build_texture, float_tensors, texture_drawer
from hvaecodec.codec.weight_folders import usable
from hvaecodec.codec.weights import Generators
from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.layer_config import LayerConfig
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, choose
from hvaecodec.models.processor import bfloat16_is_faster
from hvaecodec.models.texture import layer_features


def exact_prior(arrays: Mapping[str, np.ndarray], config: IndexPriorConfig) -> ExactIndexArithmetic:
    """Return the index prior over the integers of a layer, on the CPU. Raises ValueError for unsafe layers."""
    return ExactIndexArithmetic(arrays, config)


def load_nets(folder: Path, newest: str, bitstream: HqaBitstream) -> TorchHqaNets:
    """Return the nets of a folder of weights.

    newest: the file of the generator that is encoded for. Raises CodecUnavailable if there is no such file.
    """
    return TorchHqaNets(bitstream, folder, newest)


class TorchHqaNets:
    """`hvaecodec.codec.hqa.nets.HqaNets` on torch."""

    def __init__(self, bitstream: HqaBitstream, folder: Path, newest: str) -> None:
        self.bitstream = bitstream
        overlays = {"sampler": build_sampler, "texture": build_texture}
        self.generators = Generators(folder, newest, self._build_stack, overlays)

    @cached_property
    def arithmetic(self) -> list[ExactIndexArithmetic]:
        """The index prior of every layer in integers held in float32, the bottom layer first."""
        layers = range(self.bitstream.n_layers)
        return [exact_prior(self.bitstream.layer(layer), self.bitstream.config) for layer in layers]

    def to_indices(self, pixels: np.ndarray, layer: int) -> np.ndarray:
        """Encode a picture as `HqaNets.to_indices` states."""
        with without_autocast():
            layers = TorchLayers(self.generators.get(self.generators.newest))
            (indices,) = picture_to_indices(layers, pixels, [layer])
        return indices

    def to_picture(self, indices: np.ndarray, layer: int, generator: bytes, settings: Decoding) -> np.ndarray:
        """Decode indices as `HqaNets.to_picture` states, with the texture that the generator may have on top."""
        drawing = self.generators.drawing(generator)
        with without_autocast():
            sampler = drawing.sampler if settings.temperature else None
            picture = indices_to_picture(TorchLayers(drawing.net), indices, layer, settings, sampler)
        if drawing.texture is None or not settings.temperature:
            return picture
        rate = layer_features(layer + 1, self.bitstream.n_layers)
        texture = Texture(texture_drawer(drawing.texture, rate), settings.temperature, settings.seed)
        return add_texture(picture, texture)

    def _build_stack(self, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> HqaStack:
        """Build the encoders and decoders of a generator's file with the bitstream's codes: float32, frozen."""
        n_layers = self.bitstream.n_layers
        configs = layers_in(metadata, n_layers)
        state = float_tensors(arrays)
        for layer in range(n_layers):
            codebook = self.bitstream.layer(layer)["codebook"]
            state[f"layers.{layer}.codebook"] = torch.from_numpy(codebook.astype(np.float32))
            state[f"layers.{layer}.seen"] = torch.ones((), dtype=torch.int64)
        with usable("the generator does not fit the bitstream weights"):
            return build_net(lambda: _stack_of(configs), state).freeze()


def _stack_of(configs: Sequence[LayerConfig]) -> HqaStack:
    return HqaStack([HqaLayer(config, bottom=layer == 0) for layer, config in enumerate(configs)])


def build_sampler(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> IndexSampler:
    """Build what draws the lower layers of `hqa-photo`, as `load_sampler` does, in PyTorch."""
    return load_sampler(metadata, arrays, ExactIndexArithmetic)


class TorchLayer:
    """`pictures.LayerNets` over an `HqaLayer`; values are tensors on the layer's device."""

    def __init__(self, net: HqaLayer) -> None:
        self.net, self.config = net, net.config

    def encode(self, target: Tensor) -> Tensor:
        """Return z_e of a target, (1, dim, h, w)."""
        return self.net.encode(target)

    def quantise(self, z_e: Tensor) -> np.ndarray:
        """Return the nearest codes of z_e, (h, w)."""
        return choose(self._logits, z_e)[0].cpu().numpy()

    def decode(self, indices: np.ndarray) -> Tensor:
        """Return what the decoder makes of indices (h, w): (1, C, 2 h, 2 w).

        The picture itself needs no more than half precision; what codes are chosen by is float32.
        """
        patch = torch.from_numpy(indices.astype(np.int64))[None]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.net.bottom and bfloat16_is_faster()):
            decoded = self.net.decode(self.net.lookup(patch))
        return self.net.unstandardise(decoded.float())

    def choose(self, z_e: Tensor, uniforms: np.ndarray | None, temperature: float) -> np.ndarray:
        """Return the codes (h, w) that a reconstruction of z_e implies."""
        noise = None if uniforms is None else torch.from_numpy(uniforms)
        return choose(self._logits, z_e, noise, temperature)[0].cpu().numpy()

    def _logits(self, cells: Tensor) -> Tensor:
        """Return `HqaLayer.cell_logits`, with its products by a convolution.

        The process may have matrix products in less than float32, and then other codes would be nearest.
        """
        codes, (n, dim) = self.net.codebook, cells.shape
        points = cells.reshape(1, n, 1, dim).permute(0, 3, 1, 2)  # (1, dim, n, 1)
        cross = F.conv2d(points, (2 * codes)[:, :, None, None], -(codes**2).sum(1))
        return cross.permute(0, 2, 3, 1).reshape(n, -1) - (cells**2).sum(1, keepdim=True)


class TorchLayers:
    """`pictures.HqaLayers` over a stack, on a device."""

    def __init__(self, stack: HqaStack, device: torch.device | str = "cpu") -> None:
        self.layers = [TorchLayer(stack[number]) for number in range(len(stack))]
        self.device = device

    def enter(self, pixels: np.ndarray) -> Tensor:
        """Convert uint8 (H, W) or (H, W, 3) to float (1, 3, H, W) in 0..1."""
        x = torch.from_numpy(pixels).float() / 255
        return (x.permute(2, 0, 1) if x.ndim == 3 else x.expand(3, -1, -1))[None].to(self.device)

    def leave(self, values: Tensor) -> np.ndarray:
        """Round (1, 3, H, W) in 0..1 to uint8 (H, W, 3)."""
        return (values[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
