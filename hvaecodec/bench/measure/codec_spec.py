"""One codec to measure: how it is made, which options its `encode` and `decode` get, and what its records hold for.

`specs` makes a `CodecSpec` from typed text, `user_inputs` from a person's object; `runner` measures it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hvaecodec.bench.measure.code_version import our_version
from hvaecodec.bench.metrics.image_metrics import bpp


@dataclass(frozen=True)
class CodecSpec:
    """A codec as the bench measures it.

    label: its name in records, plots and tables. make: builds a fresh object at each call.
    qualities: its own sweep. own_sweep: whether a sweep for all of our codecs leaves it alone, because its qualities
    were named with it or it has one rate.
    options: what decides bytes and picture beside the quality, for the record; it holds `encode_options`, which
    `encode` is called with, and `decode_options`, which `decode` is called with.
    unavailable: why it cannot be used here, or None. limit: the codec whose file limits the bytes of ours.
    own_version: the version of a codec that is neither ours nor a baseline.
    """

    label: str
    make: Callable[[], Any]
    qualities: tuple[float, ...]
    is_baseline: bool = False
    own_sweep: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    encode_options: dict[str, Any] = field(default_factory=dict)
    decode_options: dict[str, Any] = field(default_factory=dict)
    unavailable: str | None = None
    limit: SizeLimit | None = None
    own_version: str = ""

    @property
    def name(self) -> str:
        """The label without its options."""
        return self.label.partition("@")[0]

    @property
    def file_label(self) -> str:
        """A text that is equal for two specs that make the same files and differ in how they decode them."""
        options = sorted((key, value) for key, value in self.options.items() if key not in self.decode_options)
        return repr((self.name, options))

    def version(self, codec: Any) -> str:
        """Return what the records are valid for: a library's version, or ours with a digest of code and weights.

        codec: an object that `make` built; it is asked only if this is a baseline.
        """
        if self.own_version:
            return self.own_version
        if self.is_baseline:
            return str(codec.version)
        ours = our_version(self.name)
        return ours if self.limit is None else f"{ours}, like {self.limit.version()}"

    def encode(self, codec: Any, image: np.ndarray, quality: float) -> bytes:
        """Encode a uint8 picture, (H, W) or (H, W, 3), with an object that `make` built, and return the whole file.

        A whole quality reaches the codec as an int: some libraries, such as Pillow's JPEG, refuse 30.0.
        """
        quality = int(quality) if float(quality).is_integer() else quality
        rate: dict[str, float] = {"quality": quality} if self.limit is None else {"bpp": self.limit.bpp(image, quality)}
        return bytes(codec.encode(image, **rate, **self.encode_options))

    def decode(self, codec: Any, data: bytes) -> np.ndarray:
        """Decode a whole file with an object that `make` built, and return the uint8 picture."""
        picture: np.ndarray = codec.decode(data, **self.decode_options)
        return picture

    def settings(self, quality: float) -> dict[str, Any]:
        """Return everything that decides the bytes and the decoded picture, for the record."""
        return {"quality": quality, **self.options}


@dataclass(frozen=True)
class SizeLimit:
    """Limits the bytes of a picture to what another codec takes for it at the same quality."""

    spec: CodecSpec

    @functools.cached_property
    def _codec(self) -> Any:
        return self.spec.make()

    def bpp(self, image: np.ndarray, quality: float) -> float:
        """Return the bits per pixel of the other codec's file of `image`, uint8 (H, W) or (H, W, 3)."""
        return bpp(len(self.spec.encode(self._codec, image, quality)), *image.shape[:2])

    def version(self) -> str:
        """Return the version of the other codec, on which the bytes of ours depend too."""
        return self.spec.version(self._codec)
