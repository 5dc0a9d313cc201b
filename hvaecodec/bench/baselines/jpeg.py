"""JPEG as Pillow writes it (libjpeg-turbo), with optimised Huffman tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow


@dataclass(frozen=True)
class Baseline:
    """`jpeg`; chroma is halved both ways (4:2:0) unless `jpeg@subsampling=4:4:4`."""

    subsampling: str = "4:2:0"
    optimize: bool = True
    progressive: bool = False

    name: ClassVar[str] = "jpeg"
    lossless: ClassVar[bool] = False
    settings: ClassVar[tuple[float, ...]] = tuple(range(5, 96, 5))
    version: ClassVar[str] = _pillow.version("libjpeg_turbo")

    def encode(self, image: np.ndarray, *, quality: float = 75) -> bytes:
        """Encode at `quality`, which is libjpeg's, rounded to a whole number in 1..100."""
        options = {"optimize": self.optimize, "progressive": self.progressive, "subsampling": self.subsampling}
        return _pillow.write(image, "JPEG", quality=round(quality), **options)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        return _pillow.read(data, "JPEG")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        return _pillow.missing("jpg")
