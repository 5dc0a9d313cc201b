"""Codecs with a single rate: every quality stands for it, and a target is met by it or by nothing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import Container, Header
from hvaecodec.codec.format.file_info import check_weights
from hvaecodec.codec.format.limits import DECODED_PIXELS
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import Origin, assemble, colour, pack_picture, psnr_db, unpack_picture
from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.codec.picture_decoder import PictureDecoder
from hvaecodec.codec.settings import Decoding, check_backend, check_quality, check_targets
from hvaecodec.codec.tiles.tiles32 import SIDE
from hvaecodec.codec.weights import Generators

STEP_INDEX = 1  # of every file
QUALITY = 50.0  # what such a file is said to be of


class FixedRateCodec(PictureDecoder):
    """A codec whose file holds some integers of every 32 x 32 tile exactly, in one stream; the rest is the decoder's.

    Lossy in colour, lossless in alpha; every size from 1 x 1. Decoding at temperature 0 takes the latents at their
    means, above 0 they are drawn; the pixels are the likelihood's means. At a scale below 1 the picture is the one that
    the integers alone give, which needs no latents. There is one stream, so a file without all of it is refused even if
    `partial`.
    """

    name: str
    lossless = False
    fixed_rate = True
    searches = False

    def __init__(self, digest: bytes, generators: Generators, card: dict[str, Any]) -> None:
        self.digest, self.generators, self.card = digest, generators, card

    # -- what a codec of this kind defines ------------------------------------------------------------------------

    @abstractmethod
    def _encode_colour(self, pixels: np.ndarray) -> bytes:
        """Encode the colour of a picture, uint8 (H, W) or (H, W, 3), into the one stream."""

    @abstractmethod
    def _decode_integers(self, header: Header, stream: bytes) -> tuple[np.ndarray, float]:
        """Return the integers that a stream holds, and its estimated bits. Raises CorruptFile."""

    @abstractmethod
    def _render_small(self, integers: np.ndarray, header: Header, size: int) -> np.ndarray:
        """Render all tiles at `size` pixels a side, 16 or less: uint8 (rows * size, columns * size, 3)."""

    @abstractmethod
    def _render_whole(self, net: Any, integers: np.ndarray, header: Header, settings: Decoding) -> np.ndarray:
        """Render all tiles at 32 pixels a side with a generator's net, side by side: uint8 (32 rows, 32 columns, 3)."""

    # -- encoding -------------------------------------------------------------------------------------------------

    @on_own_thread
    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        *,
        quality: float | None = None,
        effort: int | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
    ) -> bytes:
        """Encode a picture into a complete file; every quality (1..100) and effort gives the same.

        Raises ValueError if the file has more bits per pixel than `bpp` or decodes to fewer dB than `psnr`, and for
        settings out of range.
        """
        check_targets(quality, bpp, psnr, effort)
        if quality is not None:
            check_quality(quality)
        loaded = images.from_any(image)
        stream = self._encode_colour(colour(loaded.pixels))
        data = pack_picture(loaded, [stream], Origin(self.name, STEP_INDEX, self.digest, self.generators.newest))
        self._check_reached(data, loaded.pixels, bpp, psnr)
        return data

    def _check_reached(self, data: bytes, pixels: np.ndarray, bpp: float | None, psnr: float | None) -> None:
        height, width = pixels.shape[:2]
        file_bpp = 8 * len(data) / height / width
        if bpp is not None and file_bpp > bpp:
            raise ValueError(f"bpp {bpp} is out of reach, for this picture there is {file_bpp:.4f}")
        if psnr is not None and (reached := psnr_db(pixels, self._decode_own(data))) < psnr:
            raise ValueError(f"psnr {psnr} is out of reach, for this picture there is {reached:.2f} dB")

    # -- decoding -------------------------------------------------------------------------------------------------

    def _decode(self, data: bytes, settings: Decoding) -> LoadedImage:
        container = unpack_picture(data, settings.max_pixels, partial=settings.partial)
        header = container.header
        integers, _ = self._read_integers(container)
        if settings.size < SIDE:
            return assemble(self._render_small(integers, header, settings.size), container, settings.size)
        net = self.generators.get(self.generators.choose(header.generator, settings.generator))
        return assemble(self._render_whole(net, integers, header, settings), container, settings.size)

    def _read_integers(self, container: Container) -> tuple[np.ndarray, float]:
        """Return the integers of a file, and their estimated bits.

        Raises ModelMismatch for other bitstream weights, CorruptFile for another step index or more than one stream.
        """
        header = container.header
        check_weights(header, self.name, self.digest)
        self._details(container)
        return self._decode_integers(header, container.levels[0])

    # -- looking into files ---------------------------------------------------------------------------------------

    def _estimate(self, container: Container) -> list[float]:
        return [self._read_integers(container)[1]]

    @classmethod
    def _details(cls, container: Container) -> dict[str, Any]:
        step_index, n_levels = container.header.step_index, len(container.level_lengths)
        if step_index != STEP_INDEX or n_levels != 1:
            raise CorruptFile(f"step index {step_index} with {n_levels} level streams, expected {STEP_INDEX} with 1")
        return {"quality": QUALITY}

    @on_own_thread
    def symbols(self, data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
        """Return the decoded integers of a file, one int16 array. Both backends are numpy here.

        max_pixels: as for `decode`. Raises CodecError.
        """
        check_backend(backend)
        return [self._read_integers(unpack_picture(data, max_pixels))[0].astype(np.int16)]
