"""The codec "hvaecodec" for zarr 3, which turns chunks into bytes; zarr finds it by an entry point."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from os import PathLike
from typing import Any

from zarr.abc.codec import ArrayBytesCodec
from zarr.core.buffer import Buffer, NDBuffer

from hvaecodec.codec.registry import DEFAULT
from hvaecodec.integrations.chunks import ChunkCoding, check_dtype, picture_shape, shape_of_file

NAME = "hvaecodec"


class HvaeZarrCodec(ArrayBytesCodec):
    """A serializer for zarr 3 that stores each chunk as a complete `.hvc` file.

    It is lossy, and several threads may call it at once.

    quality: 1..100. effort: 1 is fast, 3 gives the smallest files; None means 2, or 1
    without PyTorch. model: the name of a codec or a folder of weights, which must also
    exist when arrays are read. Raises ValueError for wrong settings.
    """

    is_fixed_size = False

    def __init__(self, *, quality: float = 50, effort: int | None = None, model: str | PathLike[str] = DEFAULT) -> None:
        self._coding = ChunkCoding(quality, effort, str(model))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> HvaeZarrCodec:
        """Make the codec from its entry in an array's metadata. Raises ValueError for an entry of another kind."""
        if data.get("name") != NAME:
            raise ValueError(f"codec {data.get('name')!r}, expected {NAME!r}")
        try:
            return cls(**data.get("configuration", {}))
        except TypeError as cause:
            raise ValueError(f"configuration of {NAME}: {cause}") from cause

    def to_dict(self) -> dict[str, Any]:
        """Return the codec's entry in an array's metadata."""
        return {"name": NAME, "configuration": asdict(self._coding)}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise ValueError unless the chunks of a new array are uint8 (H, W) or (H, W, 3), after dimensions of 1."""
        check_dtype(dtype.to_native_dtype())
        picture_shape(tuple(chunk_grid.chunk_shape))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Raise NotImplementedError, because the size of a file depends on its picture."""
        raise NotImplementedError

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: Any) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: Any) -> Buffer:
        return await asyncio.to_thread(self._encode_sync, chunk_data, chunk_spec)

    def _decode_sync(self, chunk_data: Buffer, chunk_spec: Any) -> NDBuffer:
        data = chunk_data.to_bytes()
        shape, expected = shape_of_file(data), picture_shape(chunk_spec.shape)
        if shape != expected:
            raise ValueError(f"chunk holds a picture of shape {shape}, expected {expected}")
        picture = self._coding.decode(data)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(picture.reshape(chunk_spec.shape))

    def _encode_sync(self, chunk_data: NDBuffer, chunk_spec: Any) -> Buffer:
        return chunk_spec.prototype.buffer.from_bytes(self._coding.encode(chunk_data.as_numpy_array()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HvaeZarrCodec) and self._coding == other._coding

    def __hash__(self) -> int:
        return hash(self._coding)

    def __repr__(self) -> str:
        coding = self._coding
        return f"{type(self).__name__}(quality={coding.quality}, effort={coding.effort}, model={coding.model!r})"
