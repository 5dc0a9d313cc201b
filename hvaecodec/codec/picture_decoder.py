"""The two calls by which every codec decodes a file, written once over what a codec adds to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np

from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.settings import Decoding


class PictureDecoder(ABC):
    """A codec's way from a file to its picture, with or without the metadata that the file carries."""

    @abstractmethod
    def _decode(self, data: bytes, settings: Decoding) -> LoadedImage:
        """Decode a complete file. Raises CodecError for any file that is damaged, foreign or not decodable here."""

    def decode(
        self,
        data: bytes,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float | Fraction = 1,
        partial: bool = False,
        generator: str = "file",
    ) -> np.ndarray:
        """Return the picture of a complete file, uint8, of the shape that was encoded (smaller by `scale`).

        temperature: 0 is the picture of least distortion; above 0 what the file does not hold is drawn under `seed`.
        scale: 1, 1/2 ... 1/32. partial: accept a file that is cut after its coarsest level. generator: "file" for the
        one that the file names, "latest" for the newest installed.
        Raises CodecError for a file that cannot be decoded, ValueError for settings out of range.
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator)).pixels

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """Return the picture with the ICC profile and EXIF of the file; the settings are those of `decode`."""
        return self._decode(data, Decoding(**settings))
