"""AVIF as Pillow writes it (libavif with libaom)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow


@dataclass(frozen=True)
class Baseline:
    """`avif`; `speed` 0 (slow) to 10, chroma 4:2:0 unless asked for 4:4:4, one thread, libavif's own tuning."""

    speed: int = 6
    subsampling: str = "4:2:0"
    tune: str = ""
    threads: int = 1

    name: ClassVar[str] = "avif"
    lossless: ClassVar[bool] = False
    settings: ClassVar[tuple[float, ...]] = (5, 10, 20, 30, 40, 50, 60, 65, 70, 75, 80, 85, 90, 95)
    version: ClassVar[str] = _pillow.version("avif")

    def encode(self, image: np.ndarray, *, quality: float = 75) -> bytes:
        """Encode at `quality`, which is libavif's, rounded to a whole number in 0..100."""
        options: dict[str, Any] = {"speed": self.speed, "max_threads": self.threads}
        if image.ndim == 3:
            options["subsampling"] = self.subsampling
        if self.tune:
            options["advanced"] = {"tune": self.tune}
        return _pillow.write(image, "AVIF", quality=round(quality), **options)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        return _pillow.read(data, "AVIF")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        return _pillow.missing("avif")
