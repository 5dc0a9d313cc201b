"""JPEG 2000 as Pillow writes it (OpenJPEG): irreversible 9/7 wavelet and colour transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow


@dataclass(frozen=True)
class Baseline:
    """`jpeg2000`; `quality` is the PSNR in dB that one quality layer aims at."""

    name: ClassVar[str] = "jpeg2000"
    lossless: ClassVar[bool] = False
    settings: ClassVar[tuple[float, ...]] = tuple(range(22, 47, 2))
    version: ClassVar[str] = _pillow.version("jpg_2000")

    def encode(self, image: np.ndarray, *, quality: float = 34) -> bytes:
        """Encode at `quality`, the PSNR in dB that the file aims at."""
        # OpenJPEG refuses more resolutions than the shorter side has halvings.
        resolutions = min(6, max(1, min(image.shape[:2]).bit_length()))
        options = {"quality_mode": "dB", "quality_layers": [quality], "irreversible": True, "mct": image.ndim == 3}
        return _pillow.write(image, "JPEG2000", num_resolutions=resolutions, no_jp2=True, **options)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        return _pillow.read(data, "JPEG2000")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        return _pillow.missing("jpg_2000")
