"""`srvae-cifar10`: half the picture's side without loss, and the decoder's idea of the rest.

A picture is cut into tiles of 32 x 32, as the model saw them; y of every tile is exact in the file, and the decoder
super-resolves it with its latents at their means or drawn. The latents are not in the file: what they would cost is an
estimate (`estimate`), and no file has it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.codec import images
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import Header
from hvaecodec.codec.images.alpha_and_grey import colour, shrink
from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.tiles.fixed_rate import FixedRateCodec
from hvaecodec.codec.tiles.lossless_rgb import coder_tables, decode_rgb, encode_rgb
from hvaecodec.codec.tiles.srvae_weights import FILE, build_model
from hvaecodec.codec.tiles.tiles32 import SIDE, cut, join, render_tiles, tile_noise, to_pixels, to_tensor
from hvaecodec.codec.torch_guard import without_autocast
from hvaecodec.codec.weight_folders import read_card
from hvaecodec.codec.weights import Generators, load_tables
from hvaecodec.models.srvae.srvae import SrVae, downscaled

PACKAGE_WEIGHTS = WEIGHTS / "srvae-cifar10"


@dataclass(frozen=True)
class Estimate:
    """The bits of a picture by the model, not of any file: y under p(y given u), and the KLs of u and z.

    `bits_back` codes chains of pictures at about their sum with that of x.
    """

    y: float
    kl_u: float
    kl_z: float


class SrVaeCodec(FixedRateCodec):
    """A codec whose integers are y of all tiles, half the picture's side: uint8 (16 rows, 16 columns, 3)."""

    name = "srvae-cifar10"

    def __init__(self, digest: bytes, tables: Tables, generators: Generators, card: dict[str, Any]) -> None:
        super().__init__(digest, generators, card)
        self.tables = tables

    @classmethod
    @on_own_thread
    def load(cls, path: Path | None = None) -> SrVaeCodec:
        """Load a folder with card.json, bitstream.safetensors and generators; None is the set in the package.

        Raises CodecUnavailable.
        """
        folder = path or PACKAGE_WEIGHTS
        card = read_card(folder)
        digest, tables = load_tables(folder, lambda arrays: coder_tables(arrays["tables"]))
        return cls(digest, tables, Generators(folder, FILE, build_model), card)

    def _encode_colour(self, pixels: np.ndarray) -> bytes:
        return encode_rgb(self.tables, _downscale_tiles(pixels))[0]

    def _decode_integers(self, header: Header, stream: bytes) -> tuple[np.ndarray, float]:
        height, width = (-(-n // SIDE) * 16 for n in (header.height, header.width))
        y, bits = decode_rgb(self.tables, stream, height, width)
        if y.min() < 0 or y.max() > 255:
            raise CorruptFile("a stream holds samples outside 0..255; the file was made by something else")
        return y.astype(np.uint8), bits

    def _render_small(self, integers: np.ndarray, header: Header, size: int) -> np.ndarray:
        height, width = (n * size // 16 for n in integers.shape[:2])
        return shrink(integers, height, width)

    def _render_whole(self, net: SrVae, integers: np.ndarray, header: Header, settings: Decoding) -> np.ndarray:
        return _upscale_tiles(net, integers, settings.temperature, settings.seed)

    @on_own_thread
    def estimate(self, image: np.ndarray | Image.Image, seed: int = 0) -> Estimate:
        """Estimate what the model would pay for a picture with its latents, for comparison with the file's y.

        seed: of the samples of the latents.
        """
        x = to_tensor(cut(colour(images.from_any(image).pixels)))
        with without_autocast():
            terms = self._model().terms(x, torch.Generator().manual_seed(seed))
        bits = {name: float(value.sum()) / math.log(2) for name, value in terms.items()}
        return Estimate(bits["re_y"], bits["kl_u"], bits["kl_z"])

    def _model(self) -> SrVae:
        model: SrVae = self.generators.get(self.generators.newest)
        return model


def _downscale_tiles(pixels: np.ndarray) -> np.ndarray:
    """Make y of every tile by itself, side by side: uint8 (16 rows, 16 columns, 3)."""
    tiles = cut(pixels)
    y = to_pixels(downscaled(to_tensor(tiles)))
    return join(y.reshape(*tiles.shape[:2], 16, 16, 3))


def _upscale_tiles(model: SrVae, y: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """Super-resolve y, uint8 (16 rows, 16 columns, 3), tile by tile: uint8 (32 rows, 32 columns, 3)."""
    tiles = cut(y, 16)
    small = to_tensor(tiles)
    shape = (model.config.latent, 8, 8)

    def noise_of(latent_number: int, first: int, count: int) -> Tensor:
        if temperature == 0:
            return torch.zeros(count, *shape, dtype=torch.float32)
        return tile_noise(seed, latent_number, shape, first, count)

    def render(first: int, count: int) -> Tensor:
        part = small[first : first + count]
        noise = [noise_of(latent_number, first, count) for latent_number in (0, 1)]
        u = model.posterior_u(part).sample(noise[0], temperature)
        return model.render(part, model.prior_z(part, u).sample(noise[1], temperature))

    return join(render_tiles(len(small), render).reshape(*tiles.shape[:2], SIDE, SIDE, 3))


CODEC = SrVaeCodec
