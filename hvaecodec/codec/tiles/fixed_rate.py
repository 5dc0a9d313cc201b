"""Codecs with a single rate: every quality stands for it, and a target is met by it or by nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import Container, Header, unpack
from hvaecodec.codec.format.file_info import check_weights, describe
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import assemble, colour, pack_picture, psnr_db
from hvaecodec.codec.settings import Decoding, check_backend, check_quality, check_targets
from hvaecodec.codec.tiles.tiles32 import SIDE
from hvaecodec.codec.weights import Generators

STEP_INDEX = 1  # of every file
QUALITY = 50.0  # what such a file is said to be of


class OneRateCodec(ABC):
    """Some integers of every tile of 32 x 32 are exact in the file, in one stream, and the rest is the decoder's.

    Lossy in colour, lossless in alpha; every size from 1 x 1.
    """

    name: str
    lossless = False

    def __init__(self, digest: bytes, generators: Generators, card: dict[str, Any]) -> None:
        self.digest, self.generators, self.card = digest, generators, card

    # -- what a codec of this kind defines ------------------------------------------------------------------------

    @abstractmethod
    def _stream(self, pixels: np.ndarray) -> bytes:
        """The one stream of a picture, uint8 (H, W, 3)."""

    @abstractmethod
    def _integers(self, header: Header, stream: bytes) -> tuple[np.ndarray, float]:
        """What a stream holds, and its estimated bits. Raises CorruptFile."""

    @abstractmethod
    def _small(self, integers: np.ndarray, header: Header, size: int) -> np.ndarray:
        """All tiles at `size` pixels a side, 16 or less, side by side: uint8 (rows * size, columns * size, 3)."""

    @abstractmethod
    def _whole(self, net: Any, integers: np.ndarray, header: Header, how: Decoding) -> np.ndarray:
        """The same at 32, with a generator's net."""

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
        check_targets(quality, bpp, psnr, effort)
        if quality is not None:
            check_quality(quality)
        loaded = images.from_any(image)
        stream = self._stream(colour(loaded.pixels))
        data = pack_picture(loaded, [stream], self.name, STEP_INDEX, self.digest, self.generators.newest)
        self._check_reached(data, loaded.pixels, bpp, psnr)
        return data

    def _check_reached(self, data: bytes, pixels: np.ndarray, bpp: float | None, psnr: float | None) -> None:
        height, width = pixels.shape[:2]
        found = 8 * len(data) / height / width
        if bpp is not None and found > bpp:
            raise ValueError(f"bpp {bpp} is out of reach, for this picture there is {found:.4f}")
        if psnr is not None and (reached := psnr_db(pixels, self.decode(data))) < psnr:
            raise ValueError(f"psnr {psnr} is out of reach, for this picture there is {reached:.2f} dB")

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

        temperature: 0 takes the latents at their means, above 0 they are drawn under `seed`; the pixels are the
        likelihood's means. scale: 1, or 1/2 ... 1/32 of the picture that the integers alone give, which needs no
        latents. partial: there is one stream, a file without all of it is refused. generator: "file" or "latest".
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator)).pixels

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """`decode`, with the same settings, and with the ICC profile and EXIF that the file carries."""
        return self._decode(data, Decoding(**settings))

    def _decode(self, data: bytes, how: Decoding) -> LoadedImage:
        found = unpack(data, partial=how.partial)
        integers, _ = self._read(found)
        if how.size < SIDE:
            return assemble(self._small(integers, found.header, how.size), found, how.size)
        net = self.generators.get(self.generators.choose(found.header.generator, how.generator))
        return assemble(self._whole(net, integers, found.header, how), found, how.size)

    def _read(self, found: Container) -> tuple[np.ndarray, float]:
        """`_integers` of a file. Raises ModelMismatch for other bitstream weights, CorruptFile for more rates or streams."""
        header, n_levels = found.header, len(found.level_lengths)
        check_weights(header, self.digest)
        if header.step_index != STEP_INDEX or n_levels != 1:
            raise CorruptFile(
                f"step index {header.step_index} with {n_levels} level streams, expected {STEP_INDEX} with 1"
            )
        return self._integers(header, found.levels[0])

    # -- looking into files ---------------------------------------------------------------------------------------

    def info(self, data: bytes) -> dict[str, Any]:
        """What a file holds; est_bits is what the tables say of the integers, payload_bytes what is in the file."""
        found = unpack(data)
        _, bits = self._read(found)
        return describe(data, found, QUALITY, [bits])

    def symbols(self, data: bytes, backend: str = "torch") -> list[np.ndarray]:
        """The decoded integers, one int16 array. Both backends are numpy here."""
        check_backend(backend)
        return [self._read(unpack(data))[0].astype(np.int16)]
