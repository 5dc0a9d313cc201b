"""The codec `{"id": "hvaecodec", "quality": 50}` for numcodecs, which finds it by an entry point."""

from __future__ import annotations

from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy

from hvaecodec.codec.registry import DEFAULT
from hvaecodec.integrations.chunks import ChunkCoding, shape_of_file


class HvaeCodec(Codec):
    """A codec for numcodecs that stores each chunk as a complete `.hvc` file.

    It is lossy, and several threads may call it at once.

    quality: 1..100. effort: 1 is fast, 3 gives the smallest files; None means 2, or 1
    without PyTorch. model: the name of a codec or a folder of weights, which must also
    exist when chunks are decoded. Raises ValueError for wrong settings.
    """

    codec_id = "hvaecodec"

    def __init__(self, quality: float = 50, effort: int | None = None, model: str | PathLike[str] = DEFAULT) -> None:
        self._coding = ChunkCoding(quality, effort, str(model))

    def encode(self, buf: Any) -> bytes:
        """Encode a chunk, uint8 (H, W) or (H, W, 3), and return the complete file; leading dimensions of 1 are allowed.

        Raises ValueError for another dtype, shape or memory order, RuntimeError if the weights are missing.
        """
        return self._coding.encode(ensure_ndarray(buf))

    def decode(self, buf: Any, out: Any = None) -> np.ndarray:
        """Decode a complete file and return its picture, uint8 (H, W) or (H, W, 3).

        out: an array that the picture is copied into; it may have another shape with the same number of samples.
        Raises RuntimeError for a file that is damaged, foreign or cannot be decoded here, and ValueError, before
        anything is decoded, if `out` has another number of samples.
        """
        data = ensure_bytes(buf)
        if out is not None:
            shape, n_samples = shape_of_file(data), memoryview(out).nbytes
            if n_samples != np.prod(shape):
                raise ValueError(f"chunk holds a picture of shape {shape}, and out has {n_samples} samples")
        picture = self._coding.decode(data)
        return picture if out is None else ndarray_copy(picture, out)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which numcodecs makes this codec again: id, quality, effort and model."""
        return {"id": self.codec_id, **asdict(self._coding)}

    def __repr__(self) -> str:
        coding = self._coding
        return f"{type(self).__name__}(quality={coding.quality}, effort={coding.effort}, model={coding.model!r})"
