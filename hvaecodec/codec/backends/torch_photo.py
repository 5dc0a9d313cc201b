"""The photo codec's nets in PyTorch: what stands behind `hvaecodec.codec.photo.nets.PhotoNets`.

Whatever autocast or grad mode a caller is in, the results are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.add_texture import Texture, texture_bands
from hvaecodec.codec.backends import torch_photo_blocks as blocks
from hvaecodec.codec.backends import torch_photo_transform as transform
from hvaecodec.codec.photo.context import Context, Windows
from hvaecodec.codec.photo.generator_file import BASIS, check_basis, config_in
from hvaecodec.codec.photo.nets import Analysis, ErrorGradient
from hvaecodec.codec.photo.render import PERCEPTUAL_TEMPERATURE, Draws, blend, render_bands, size_of
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.torch_guard import divided_loops
from hvaecodec.codec.torch_weights import build_net, build_texture, float_tensors, texture_drawer
from hvaecodec.codec.weights import Generators
from hvaecodec.models.photo.float_twin import float_twin as float_twin
from hvaecodec.models.photo.generator import Generator, rate_features
from hvaecodec.models.photo.prior_exact import ExactArithmetic
from hvaecodec.models.photo.prior_layers import PriorConfig

if TYPE_CHECKING:
    from hvaecodec.codec.photo.weights import Bitstream

DIVIDED_TILES = 256  # of a picture whose gradient is computed in loops that threads divide


def exact_prior(arrays: Mapping[str, np.ndarray], config: PriorConfig) -> ExactArithmetic:
    """Return the prior over the integers of the bitstream weights, on the CPU. Raises ValueError for unsafe layers."""
    return ExactArithmetic(arrays, config)


def load_nets(folder: Path, newest: str, bitstream: Bitstream) -> TorchPhotoNets:
    """Return the nets of a folder of weights. newest: the file of the generator that is encoded for."""
    return TorchPhotoNets(bitstream, Generators(folder, newest, build_generator, OVERLAYS))


def build_generator(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Generator:
    """Build a generator in inference form, float32, from the metadata and the arrays of its file."""
    config = config_in(metadata)
    tensors = float_tensors(arrays)
    basis = tensors.pop(BASIS, None)
    net = build_net(lambda: Generator(config), tensors)
    check_basis(config, None if basis is None else basis.shape)
    net.basis = net.basis if basis is None else basis
    return net


OVERLAYS = {"texture": build_texture, "perceptual": build_generator}


class TorchPhotoNets:
    """`PhotoNets` and `GradientNets` over the generators of a folder; each is loaded when it is first asked for."""

    def __init__(self, bitstream: Bitstream, generators: Generators) -> None:
        self.bitstream, self.generators = bitstream, generators

    def newest_generator(self) -> Generator:
        """Return the net of the generator that files are encoded for."""
        net: Generator = self.generators.get(self.generators.newest)
        return net

    @torch.no_grad()
    def analyse(self, pixels: np.ndarray, step_index: int, shapes: np.ndarray | None = None) -> Analysis:
        """Transform a uint8 (H, W) or (H, W, 3) picture under maps of shapes; without them it chooses them, fast."""
        return transform.analyse(pixels, self._delta(step_index), self._s, shapes)

    @torch.no_grad()
    def error_gradient(self, context: Context, pixels: np.ndarray) -> ErrorGradient:
        """Return the squared error of the newest generator's picture and its gradients."""
        with divided_loops(context.grid[0] * context.grid[1] >= DIVIDED_TILES):
            return blocks.error_gradient(self.newest_generator(), context, self._steps(context.step_index), pixels)

    @torch.no_grad()
    def squared_error(self, context: Context, pixels: np.ndarray) -> float:
        """Return the error of `error_gradient` without its gradients."""
        return blocks.squared_error(self.newest_generator(), context, self._steps(context.step_index), pixels)

    @torch.no_grad()
    def inputs(self, context: Context) -> tuple[Tensor, Tensor, Tensor]:
        """Return a generator's inputs: the dequantised picture (1, 3, 32 rows, 32 columns), RGB float; maps; index."""
        picture = transform.dequantised_picture(context, self._delta(context.step_index), self._s)
        return picture, torch.from_numpy(context.shapes)[None], torch.tensor([context.step_index])

    @torch.no_grad()
    def thumbnail(self, context: Context, size: int) -> np.ndarray:
        """Return the band-limited picture of `size` pixels a tile, uint8."""
        return transform.thumbnail(context, self._delta(context.step_index), self._s, size)

    def render_bands(self, context: Windows, generator: bytes, settings: Decoding) -> Iterator[np.ndarray]:
        """Give the picture of a generator, by digest, from the top, uint8 (rows, 32 columns, 3) each.

        Above temperature 0 the perceptual generator draws if it has one, else its texture is drawn, else its latents.
        """
        drawing, steps = self.generators.drawing(generator), self._steps(context.step_index)
        temperature, seed = settings.temperature, settings.seed
        if drawing.perceptual is not None:
            drawn = blocks.picture_of(drawing.perceptual, steps, Draws(PERCEPTUAL_TEMPERATURE, seed))
            return render_bands(context, blend(blocks.picture_of(drawing.net, steps), drawn, temperature))
        if drawing.texture is None:
            draws = Draws(temperature, seed) if temperature else None
            return blocks.render_bands(drawing.net, context, steps, draws)
        smooth = blocks.render_bands(drawing.net, context, steps)
        if not temperature:
            return smooth
        draw = texture_drawer(drawing.texture, rate_features(torch.tensor([context.step_index])))
        return texture_bands(smooth, size_of(context), Texture(draw, temperature, seed))

    @property
    def _s(self) -> Tensor:
        return torch.from_numpy(self.bitstream.s)

    def _delta(self, step_index: int) -> float:
        return float(self.bitstream.delta[step_index])

    def _steps(self, step_index: int) -> Tensor:
        return self._delta(step_index) * self._s
