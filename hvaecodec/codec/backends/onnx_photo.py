"""The photo codec's nets with ONNX Runtime and numpy: what stands behind `hvaecodec.codec.photo.nets.PhotoNets`.

There are no gradients, so it encodes at efforts 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hvaecodec.codec.add_texture import Texture, texture_bands
from hvaecodec.codec.backends.onnx_session import Net
from hvaecodec.codec.backends.onnx_texture import build_texture, texture_drawer
from hvaecodec.codec.graphs import graph_of
from hvaecodec.codec.photo import transform
from hvaecodec.codec.photo.adaptation import offsets_of
from hvaecodec.codec.photo.context import Context, Windows
from hvaecodec.codec.photo.generator_file import BASIS, check_basis, config_in, graph_sizes
from hvaecodec.codec.photo.nets import Analysis
from hvaecodec.codec.photo.render import PERCEPTUAL_TEMPERATURE, Block, Draws, Picture, blend, render_bands, size_of
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.weights import Generators
from hvaecodec.models.photo.generator_config import GeneratorConfig
from hvaecodec.models.photo.layout import TILE
from hvaecodec.models.photo.prior_blas import BlasArithmetic
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.rate_features import hats

if TYPE_CHECKING:
    from hvaecodec.codec.photo.weights import Bitstream


def exact_prior(arrays: Mapping[str, np.ndarray], config: PriorConfig) -> BlasArithmetic:
    """Return the prior over the integers of the bitstream weights. Raises ValueError for unsafe layers."""
    return BlasArithmetic(arrays, config)


def load_nets(folder: Path, newest: str, bitstream: Bitstream) -> OnnxPhotoNets:
    """Return the nets of a folder of weights. newest: the file of the generator that is encoded for."""
    return OnnxPhotoNets(bitstream, Generators(folder, newest, build_generator, OVERLAYS))


@dataclass(frozen=True)
class OnnxGenerator:
    """A generator: its sizes and its net. basis: the directions in its offsets that files name, float32 (n, k)."""

    config: GeneratorConfig
    net: Net
    basis: np.ndarray

    def picture(self, context: Context, dequantised: np.ndarray, noise: Mapping[str, np.ndarray]) -> np.ndarray:
        """Run the net once: RGB float32 (1, 3, H, W), unclipped.

        dequantised: the picture of the context, of that shape. noise: by input, what latents are drawn by.
        """
        offsets = offsets_of(context.adaptation, self.basis)
        if offsets is None:
            offsets = np.zeros(self.config.offsets, np.float32)
        return self.net(
            dequantised=dequantised,
            shapes=context.shapes[None],
            step_index=np.array([context.step_index], np.int64),
            offsets=offsets[None],
            **noise,
        )

    def noise(self, block: Block, draws: Draws | None) -> dict[str, np.ndarray]:
        """Return what the latents of a block are drawn by, in standard deviations; zeros take their means."""
        noise = {}
        rows, columns = (part.stop - part.start for part in block.outer)
        for number, scale in enumerate(self.config.scales if self.config.latents else ()):
            per_tile = TILE // scale.fold
            if draws is None:
                numbers = np.zeros((1, scale.latent, rows * per_tile, columns * per_tile), np.float32)
            else:
                numbers = np.float32(draws.temperature) * block.noise(draws.seed, number, scale.latent, per_tile)
            noise[f"noise{number}"] = numbers
        return noise


def build_generator(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> OnnxGenerator:
    """Build a generator from the metadata and the arrays of its file. Raises CodecUnavailable."""
    config, basis = config_in(metadata), arrays.get(BASIS)
    check_basis(config, None if basis is None else basis.shape)
    basis = np.zeros((0, config.offsets), np.float32) if basis is None else basis.astype(np.float32)
    return OnnxGenerator(config, Net(graph_of("photo", graph_sizes(config)), arrays), basis)


OVERLAYS = {"texture": build_texture, "perceptual": build_generator}


class OnnxPhotoNets:
    """`PhotoNets` over the generators of a folder; each is loaded when it is first asked for."""

    def __init__(self, bitstream: Bitstream, generators: Generators) -> None:
        self.bitstream, self.generators = bitstream, generators

    def analyse(self, pixels: np.ndarray, step_index: int, shapes: np.ndarray | None = None) -> Analysis:
        """Transform a uint8 (H, W) or (H, W, 3) picture under maps of shapes; without them it chooses them, fast."""
        return transform.analyse(pixels, self._delta(step_index), self.bitstream.s, shapes)

    def inputs(self, context: Context) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a generator's inputs: the dequantised picture (1, 3, 32 rows, 32 columns), RGB float; maps; index."""
        return self._dequantised(context), context.shapes[None], np.array([context.step_index])

    def thumbnail(self, context: Context, size: int) -> np.ndarray:
        """Return the band-limited picture of `size` pixels a tile, uint8."""
        return transform.thumbnail(context, self._delta(context.step_index), self.bitstream.s, size)

    def render_bands(self, context: Windows, generator: bytes, settings: Decoding) -> Iterator[np.ndarray]:
        """Give the picture of a generator, by digest, from the top, uint8 (rows, 32 columns, 3) each.

        Above temperature 0 the perceptual generator draws if it has one, else its texture is drawn, else its latents.
        """
        drawing = self.generators.drawing(generator)
        temperature, seed = settings.temperature, settings.seed
        if drawing.perceptual is not None:
            drawn = self._picture_of(drawing.perceptual, Draws(PERCEPTUAL_TEMPERATURE, seed))
            return render_bands(context, blend(self._picture_of(drawing.net), drawn, temperature))
        if drawing.texture is None:
            draws = Draws(temperature, seed) if temperature else None
            return render_bands(context, self._picture_of(drawing.net, draws))
        smooth = render_bands(context, self._picture_of(drawing.net))
        if not temperature:
            return smooth
        draw = texture_drawer(drawing.texture, hats(context.step_index / (N_INDICES - 1)))
        return texture_bands(smooth, size_of(context), Texture(draw, temperature, seed))

    def _picture_of(self, generator: OnnxGenerator, draws: Draws | None = None) -> Picture:
        """Return what gives a generator's pictures of blocks. draws: None takes the latents' means."""

        def draw(part: Context, block: Block) -> np.ndarray:
            return generator.picture(part, self._dequantised(part), generator.noise(block, draws))

        return draw

    def _dequantised(self, context: Context) -> np.ndarray:
        return transform.dequantised_picture(context, self._delta(context.step_index), self.bitstream.s)[None]

    def _delta(self, step_index: int) -> float:
        return float(self.bitstream.delta[step_index])
