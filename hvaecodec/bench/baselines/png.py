"""PNG as Pillow writes it (zlib)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow


@dataclass(frozen=True)
class Baseline:
    """`png`, with Pillow's `optimize`."""

    optimize: bool = True

    name: ClassVar[str] = "png"
    lossless: ClassVar[bool] = True
    settings: ClassVar[tuple[float, ...]] = (100,)
    version: ClassVar[str] = _pillow.version("zlib")

    def encode(self, image: np.ndarray, *, quality: float = 100) -> bytes:
        """Encode without loss; `quality` has no meaning here and is ignored."""
        return _pillow.write(image, "PNG", optimize=self.optimize)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        return _pillow.read(data, "PNG")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        return _pillow.missing("zlib")
