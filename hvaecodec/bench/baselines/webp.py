"""Lossy WebP as Pillow writes it (libwebp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow


@dataclass(frozen=True)
class Baseline:
    """`webp`; `method` 0..6 is libwebp's effort and defaults to its best. Always 4:2:0; grey comes back as RGB."""

    method: int = 6

    name: ClassVar[str] = "webp"
    lossless: ClassVar[bool] = False
    settings: ClassVar[tuple[float, ...]] = (1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
    version: ClassVar[str] = _pillow.version("webp")

    def encode(self, image: np.ndarray, *, quality: float = 75) -> bytes:
        """Encode at `quality`, which is libwebp's, 0..100."""
        return _pillow.write(image, "WEBP", quality=quality, method=self.method)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        return _pillow.read(data, "WEBP")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        return _pillow.missing("webp")
