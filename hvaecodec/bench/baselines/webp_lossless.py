"""Lossless WebP as Pillow writes it (libwebp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow


@dataclass(frozen=True)
class Baseline:
    """`webp-lossless`; `method` 0..6 is libwebp's effort. Grey comes back as RGB."""

    method: int = 5

    name: ClassVar[str] = "webp-lossless"
    lossless: ClassVar[bool] = True
    settings: ClassVar[tuple[float, ...]] = (100,)
    version: ClassVar[str] = _pillow.version("webp")

    def encode(self, image: np.ndarray, *, quality: float = 100) -> bytes:
        """Encode without loss at every `quality`, 0..100, which trades time for size."""
        return _pillow.write(image, "WEBP", lossless=True, quality=quality, method=self.method)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        return _pillow.read(data, "WEBP")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        return _pillow.missing("webp")
