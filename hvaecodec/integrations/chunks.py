"""Stores a chunk of an array as an `.hvc` file; the codecs for numcodecs and for zarr both use this."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real

import numpy as np

from hvaecodec.codec import registry
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.container import read_header
from hvaecodec.codec.format.limits import DECODED_PIXELS, pixels_in_tiles, size_problem
from hvaecodec.codec.format.wire_ids import CODECS
from hvaecodec.codec.settings import check_quality, check_targets

_SAMPLES = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}
_loading = threading.Lock()


@dataclass(frozen=True)
class ChunkCoding:
    """The settings that chunks are encoded with; they mean the same as in `hvaecodec.encode`, and JSON can hold them.

    quality: 1..100. effort: 1, 2, 3 or None. model: the name of a codec or a folder of weights.
    Raises ValueError for wrong settings.
    """

    quality: float = 50
    effort: int | None = None
    model: str = registry.DEFAULT

    def __post_init__(self) -> None:
        if isinstance(self.quality, bool) or not isinstance(self.quality, Real):
            raise ValueError(f"quality must be a number in 1..100, got {self.quality!r}")
        quality = float(self.quality)
        check_quality(quality)
        check_targets(quality, None, None, self.effort)
        object.__setattr__(self, "quality", int(quality) if quality.is_integer() else quality)
        object.__setattr__(self, "effort", None if self.effort is None else int(self.effort))
        object.__setattr__(self, "model", os.fspath(self.model))

    def encode(self, chunk: np.ndarray) -> bytes:
        """Encode a chunk, uint8 with a shape that `picture_shape` allows, and return the bytes of a complete file.

        Raises ValueError for another dtype, shape or memory order, RuntimeError if the weights are missing.
        """
        check_dtype(chunk.dtype)
        picture = chunk.reshape(picture_shape(chunk.shape))
        if chunk.flags.f_contiguous and not chunk.flags.c_contiguous:
            raise ValueError("chunk in Fortran order, expected order C; its rows are the rows of a picture")
        with codec_errors():
            return self._codec(self.model).encode(picture, quality=self.quality, effort=self.effort)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a complete file and return its picture, uint8 (H, W), (H, W, 3) or, with alpha, (H, W, 2 or 4).

        Raises RuntimeError for a file that is damaged, foreign or cannot be decoded here.
        """
        with codec_errors():
            name = read_header(data).codec
            codec = self._codec(name if self.model in CODECS else self.model)
            registry.check_written_by(codec, data, self.model)
            return codec.decode(data)

    @staticmethod
    def _codec(model: str) -> registry.Codec:
        with _loading:  # threads that start together load the weights once
            return registry.shared(model)


def check_dtype(dtype: np.dtype) -> None:
    """Raise ValueError for any dtype but uint8."""
    if dtype != np.uint8:
        raise ValueError(f"chunk of {dtype}, expected uint8 with values 0..255")


def picture_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the picture in a chunk of this shape: (H, W), or (H, W, 3) if its last dimension is 3.

    Leading dimensions of 1 are left out. Raises ValueError for any other shape, or for a picture that is too large.
    """
    n_dims = 3 if len(shape) > 2 and shape[-1] == 3 else 2
    if len(shape) < 2 or any(side != 1 for side in shape[:-n_dims]):
        raise ValueError(f"chunk of shape {shape}, expected (H, W) or (H, W, 3), after dimensions of 1 if any")
    height, width = shape[-n_dims:][:2]
    if problem := size_problem(height, width):
        raise ValueError(problem)
    if pixels_in_tiles(height, width) > DECODED_PIXELS:
        raise ValueError(
            f"chunk of {height} x {width} pixels; above {DECODED_PIXELS} none is decoded, take smaller chunks"
        )
    return shape[-n_dims:]


def shape_of_file(data: bytes) -> tuple[int, ...]:
    """Return the shape of the picture in a file, from its header alone. Raises RuntimeError for a damaged header."""
    with codec_errors():
        header = read_header(data)
    return (header.height, header.width, *_SAMPLES[header.mode])


@contextmanager
def codec_errors() -> Iterator[None]:
    """Turn a CodecError into a RuntimeError with the same message, which is what array libraries expect."""
    try:
        yield
    except CodecError as cause:
        raise RuntimeError(str(cause)) from cause
