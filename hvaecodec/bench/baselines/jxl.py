"""JPEG XL as pillow-jxl-plugin writes it (libjxl)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata, util
from typing import ClassVar

import numpy as np

from hvaecodec.bench.baselines import _pillow
from hvaecodec.codec.errors import CodecUnavailable

_PLUGIN = "pillow-jxl-plugin"


def _register() -> None:
    """Make Pillow know the format. Raises CodecUnavailable without the plugin."""
    try:
        import pillow_jxl  # noqa: F401  (its import registers the format with Pillow)
    except ImportError as error:
        raise CodecUnavailable(f"JPEG XL needs {_PLUGIN}: pip install 'hvaecodec[bench]'") from error


@dataclass(frozen=True)
class Baseline:
    """`jxl`; `effort` 1..9 as in cjxl, one thread."""

    effort: int = 7
    threads: int = 1

    name: ClassVar[str] = "jxl"
    lossless: ClassVar[bool] = False
    settings: ClassVar[tuple[float, ...]] = (1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)

    @property
    def version(self) -> str:
        """The plugin's version."""
        return f"{_PLUGIN} {metadata.version(_PLUGIN)}"

    def encode(self, image: np.ndarray, *, quality: float = 75) -> bytes:
        """Encode at `quality`, which is cjxl's, 1..100; it sets a Butteraugli distance, not a PSNR."""
        _register()
        return _pillow.write(image, "JXL", quality=round(quality), effort=self.effort, num_threads=self.threads)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a whole file; for errors see `_pillow.read`."""
        _register()
        return _pillow.read(data, "JXL")

    @staticmethod
    def unavailable() -> str | None:
        """Return why the format cannot be written here, or None."""
        if util.find_spec("pillow_jxl") is None:
            return f"{_PLUGIN} is not installed: pip install 'hvaecodec[bench]'"
        return None
