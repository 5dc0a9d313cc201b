"""`srvae-cifar10`: half the picture's side without loss, and the decoder's idea of the rest.

A picture is cut into tiles of 32 x 32, as the model saw them; y of every tile is exact in the file, and the decoder
super-resolves it with its latents at their means or drawn. The latents are not in the file: what they would cost is an
estimate (`estimate`), and no file has it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.codec import images
from hvaecodec.codec.coder import Tables
from hvaecodec.codec.colour_modes import assemble, colour, pack_picture, shrunk
from hvaecodec.codec.container import Container, unpack
from hvaecodec.codec.contents import describe
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.inference import plain
from hvaecodec.codec.one_rate import QUALITY, STEP_INDEX, check_one_rate, check_reached, only_stream
from hvaecodec.codec.settings import Decoding, check_backend
from hvaecodec.codec.small_picture import coder_tables, decode_small, encode_small
from hvaecodec.codec.small_tiles import SIDE, cut, join, rendered, tile_noise, to_pixels, to_tensor
from hvaecodec.codec.srvae_weights import FILE, build_model
from hvaecodec.codec.weights import Generators, load_tables, read_card
from hvaecodec.models.srvae import SrVae, downscaled

PACKAGE_WEIGHTS = Path(__file__).parent.parent / "weights" / "srvae-cifar10"


@dataclass(frozen=True)
class Estimate:
    """Bits of a picture by the model, not of any file: y under p(y given u), and the KLs of u and z.

    `bits_back` codes chains of pictures at about their sum with that of x.
    """

    y: float
    kl_u: float
    kl_z: float


class SrVaeCodec:
    """One rate, lossy in colour, lossless in alpha and in the picture of half the side; every size from 1 x 1."""

    name = "srvae-cifar10"
    lossless = False

    def __init__(self, digest: bytes, tables: Tables, generators: Generators, card: dict[str, Any]) -> None:
        self.digest, self.tables, self.generators, self.card = digest, tables, generators, card

    @classmethod
    def load(cls, path: Path | None = None) -> SrVaeCodec:
        """From a folder with card.json, bitstream.safetensors and generators; None: the set in the package."""
        folder = path or PACKAGE_WEIGHTS
        card = read_card(folder)
        digest, tables = load_tables(folder, lambda arrays: coder_tables(arrays["tables"]))
        return cls(digest, tables, Generators(folder, FILE, build_model), card)

    # -- encoding -------------------------------------------------------------------------------------------------

    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        quality: float | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        effort: int = 2,
    ) -> bytes:
        """A complete file; every quality (1..100) and effort gives the same.

        bpp, psnr: raise ValueError if the file is larger than so many bits per pixel, or decodes to less.
        """
        check_one_rate(quality, bpp, psnr, effort)
        loaded = images.from_any(image)
        stream, _ = encode_small(self.tables, _small_picture(colour(loaded.pixels)))
        data = pack_picture(loaded, [stream], self.name, STEP_INDEX, self.digest, self.generators.newest)
        check_reached(data, loaded.pixels, self.decode, bpp, psnr)
        return data

    # -- decoding -------------------------------------------------------------------------------------------------

    def decode(
        self,
        data: bytes,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float | Fraction = 1,
        partial: bool = False,
        generator: str = "file",
    ) -> np.ndarray:
        """The picture, uint8, of the shape that was encoded (smaller by `scale`).

        temperature: 0 takes u and z at their means, above 0 they are drawn under `seed`. scale: 1, or 1/2 ... 1/32,
        which need no net: 1/2 is y itself. partial: there is one stream, a file without all of it is refused.
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator)).pixels

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """`decode`, with the same settings, and with the ICC profile and EXIF that the file carries."""
        return self._decode(data, Decoding(**settings))

    def _decode(self, data: bytes, how: Decoding) -> LoadedImage:
        found = unpack(data, partial=how.partial)
        y, _ = self._decode_y(found)
        if how.size < 32:
            height, width = (n * how.size // 16 for n in y.shape[:2])
            return assemble(shrunk(y, height, width), found, how.size)
        model = self.generators.get(self.generators.choose(found.header.generator, how.generator))
        return assemble(_enlarged(model, y, how.temperature, how.seed), found, how.size)

    def _decode_y(self, found: Container) -> tuple[np.ndarray, float]:
        """uint8 (16 rows, 16 columns, 3) of all tiles, and its estimated bits."""
        stream = only_stream(found, self.digest)
        height, width = (-(-n // 32) * 16 for n in (found.header.height, found.header.width))
        y, bits = decode_small(self.tables, stream, height, width)
        if y.min() < 0 or y.max() > 255:
            raise CorruptFile("a stream holds samples outside 0..255; the file was made by something else")
        return y.astype(np.uint8), bits

    # -- looking into files ---------------------------------------------------------------------------------------

    def info(self, data: bytes) -> dict[str, Any]:
        """What a file holds; est_bits is what the tables say of y, payload_bytes what is in the file."""
        found = unpack(data)
        _, bits = self._decode_y(found)
        return describe(data, found, QUALITY, [bits])

    def symbols(self, data: bytes, backend: str = "torch") -> list[np.ndarray]:
        """The decoded integers: y of all tiles, int16 (16 rows, 16 columns, 3). Both backends are numpy here."""
        check_backend(backend)
        return [self._decode_y(unpack(data))[0].astype(np.int16)]

    def estimate(self, image: np.ndarray | Image.Image, seed: int = 0) -> Estimate:
        """What the model would pay for a picture with its latents: an estimate for comparison with the file's y."""
        x = to_tensor(cut(colour(images.from_any(image).pixels)))
        with plain():
            terms = self._model().terms(x, torch.Generator().manual_seed(seed))
        bits = {name: float(value.sum()) / math.log(2) for name, value in terms.items()}
        return Estimate(bits["re_y"], bits["kl_u"], bits["kl_z"])

    def _model(self) -> SrVae:
        model: SrVae = self.generators.get(self.generators.newest)
        return model


def _small_picture(pixels: np.ndarray) -> np.ndarray:
    """y of all tiles, each made by itself, side by side: uint8 (16 rows, 16 columns, 3)."""
    tiles = cut(pixels)
    y = to_pixels(downscaled(to_tensor(tiles)))
    return join(y.reshape(*tiles.shape[:2], 16, 16, 3))


def _enlarged(model: SrVae, y: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """uint8 (32 rows, 32 columns, 3), tile by tile."""
    tiles = cut(y, 16)
    small = to_tensor(tiles)

    def render(first: int, n: int) -> Tensor:
        part = small[first : first + n]
        noise = [_noise(model, temperature, seed, level, first, n) for level in (0, 1)]
        u = model.posterior_u(part).sample(noise[0], temperature)
        return model.render(part, model.prior_z(part, u).sample(noise[1], temperature))

    return join(rendered(len(small), render).reshape(*tiles.shape[:2], SIDE, SIDE, 3))


def _noise(model: SrVae, temperature: float, seed: int, level: int, first: int, count: int) -> Tensor:
    """Of some tiles, (count, C, 8, 8)."""
    shape = (model.config.latent, 8, 8)
    return torch.zeros(count, *shape) if temperature == 0 else tile_noise(seed, level, shape, first, count)
