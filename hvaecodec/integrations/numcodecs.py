"""numcodecs' door: the codec `{"id": "hvaecodec", "quality": 50}`, which an entry point makes known by its id."""

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
    """A codec of numcodecs whose every chunk is a complete `.hvc` file; lossy, safe to call from several threads.

    quality: 1..100. effort: 1 fast, 2, 3 smallest, None the highest of these up to 2
    that is installed. model: the name of a codec or a folder of weights, which must be
    there to decode as well. Raises ValueError for settings that cannot be.
    """

    codec_id = "hvaecodec"

    def __init__(self, quality: float = 50, effort: int | None = None, model: str | PathLike[str] = DEFAULT) -> None:
        self._coding = ChunkCoding(quality, effort, str(model))

    def encode(self, buf: Any) -> bytes:
        """Encode a chunk, uint8 (H, W) or (H, W, 3), leading dimensions of 1 allowed, into a complete file.

        Raises ValueError for another dtype, shape or order of memory, RuntimeError if there are no such weights.
        """
        return self._coding.encode(ensure_ndarray(buf))

    def decode(self, buf: Any, out: Any = None) -> np.ndarray:
        """Decode a complete file into its picture, uint8 (H, W) or (H, W, 3); `out` takes it in a shape of its own.

        Raises RuntimeError for a file that is damaged, foreign or not decodable here, ValueError, before anything is
        decoded, if `out` has not as many samples as the picture.
        """
        data = ensure_bytes(buf)
        if out is not None:
            shape, n_samples = shape_of_file(data), memoryview(out).nbytes
            if n_samples != np.prod(shape):
                raise ValueError(f"chunk holds a picture of shape {shape}, and out has {n_samples} samples")
        picture = self._coding.decode(data)
        return picture if out is None else ndarray_copy(picture, out)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this codec again: its id, quality, effort and model."""
        return {"id": self.codec_id, **asdict(self._coding)}

    def __repr__(self) -> str:
        coding = self._coding
        return f"{type(self).__name__}(quality={coding.quality}, effort={coding.effort}, model={coding.model!r})"
