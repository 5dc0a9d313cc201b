"""The methods by which every codec decodes and describes a file; what differs between codecs is abstract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from hvaecodec.codec.format.container import Container
from hvaecodec.codec.format.file_info import check_codec, describe
from hvaecodec.codec.format.limits import DECODED_PIXELS, MAX_PIXELS
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import unpack_picture
from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.codec.settings import Decoding


class PictureDecoder(ABC):
    """The decoding half of a codec: from a file to its picture, with or without the metadata in the file."""

    name: str

    @abstractmethod
    def _decode(self, data: bytes, settings: Decoding) -> LoadedImage:
        """Decode a complete file. Raises CodecError for any file that is damaged, foreign or not decodable here."""

    @abstractmethod
    def _estimate(self, container: Container) -> Sequence[float]:
        """Decode the symbols of a file and return the model's estimate of their bits, by level. Raises CodecError."""

    @classmethod
    @abstractmethod
    def _details(cls, container: Container) -> dict[str, Any]:
        """Return what the header means to this codec: `quality`, and what else there is to say.

        Raises CorruptFile for fields that no file of this codec has.
        """

    @on_own_thread
    def decode(
        self,
        data: bytes,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float | Fraction = 1,
        partial: bool = False,
        generator: str = "file",
        max_pixels: int = DECODED_PIXELS,
    ) -> np.ndarray:
        """Return the picture of a complete file, uint8, of the shape that was encoded (smaller with a `scale` below 1).

        temperature: 0 gives the picture with the least error; above 0 the decoder adds random detail that `seed`
        chooses. scale: 1, 1/2 ... 1/32. partial: also accept a file that was cut short, if its coarsest level is there.
        generator: "file" for the one that the file names, "latest" for the newest installed. max_pixels: refuse a
        larger picture as soon as its header is read. Raises CodecError for a file that cannot be decoded, ValueError
        for settings out of range.
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator, max_pixels)).pixels

    @on_own_thread
    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """Return the picture with the ICC profile and EXIF of the file; the settings are those of `decode`."""
        return self._decode(data, Decoding(**settings))

    def _decode_own(self, data: bytes) -> np.ndarray:
        """Return the picture of a file that was just encoded here, of any size."""
        return self._decode(data, Decoding(max_pixels=MAX_PIXELS)).pixels

    @classmethod
    def describe(cls, data: bytes, *, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
        """Describe a file from its header, lengths and checksums, without weights and without decoding anything.

        Raises CodecError as `info` does, except for faults that only decoding shows.
        """
        container = unpack_picture(data, max_pixels, check_alpha=False)
        check_codec(container.header, cls.name)
        return describe(data, container, cls._details(container))

    @on_own_thread
    def info(self, data: bytes, *, estimate: bool = False, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
        """Return a dict that describes a file; `payload_bytes` are the real bytes of each of its streams.

        estimate: also decode the symbols and add `est_bits`, the bits that the model expects for each level; then every
        file that `decode` refuses is refused. max_pixels: as for `decode`. Raises CodecError.
        """
        if not estimate:
            return self.describe(data, max_pixels=max_pixels)
        container = unpack_picture(data, max_pixels)
        est_bits = self._estimate(container)
        return describe(data, container, self._details(container), est_bits)
