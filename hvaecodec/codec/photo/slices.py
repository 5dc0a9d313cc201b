"""Pictures as slices: their level streams put together into those of a file, and taken apart again.

A picture taller than 64 tiles is coded in slices that know nothing of each other, so that what coding needs of memory
does not grow with the height. A file has them level by level: coarse levels of all slices first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.fields import Reader, varint
from hvaecodec.codec.photo.context import Context, join
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.streams import Encoding, SliceCoder

_MAX_LENGTH = 2**32 - 1


def join_encodings(parts: Sequence[Encoding]) -> Encoding:
    """Return the encoding of a whole picture from those of its slices."""
    if len(parts) == 1:
        return parts[0]
    streams = join_streams([part.streams for part in parts])
    est_bits = [sum(bits) for bits in zip(*(part.est_bits for part in parts), strict=True)]
    return Encoding(streams, est_bits, join([part.context for part in parts]))


def join_streams(parts: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return the payload of every level from the level streams of all slices."""
    return [pack_level(streams) for streams in zip(*parts, strict=True)]


def decode_slices(coder: SliceCoder, frame: Frame, levels: Sequence[bytes]) -> tuple[Context, list[float]]:
    """Decode the slices of a picture from as many levels as there are, and the model's estimate of their bits.

    Raises CorruptFile for levels that no encoder writes.
    """
    parts = list(decode_each_slice(coder, frame, levels))
    est_bits = [sum(bits) for bits in zip(*(bits for _, bits in parts), strict=True)]
    return join([context for context, _ in parts]), est_bits


def decode_each_slice(
    coder: SliceCoder, frame: Frame, levels: Sequence[bytes]
) -> Iterator[tuple[Context, list[float]]]:
    """Decode the slices of a picture as `decode_slices` does, one after the other as they are asked for."""
    for part, streams in streams_of_slices(frame, levels):
        yield coder.decode(part, streams)


def streams_of_slices(frame: Frame, levels: Sequence[bytes]) -> Iterator[tuple[Frame, tuple[bytes, ...]]]:
    """Give the frame and the level streams of every slice of a picture. Raises CorruptFile as `unpack_level` does."""
    rows = frame.slices
    streams = [unpack_level(payload, len(rows), f"level {number}") for number, payload in enumerate(levels)]
    for part, own in zip(rows, zip(*streams, strict=True), strict=True):
        yield frame.within(part), own


def pack_level(streams: Sequence[bytes]) -> bytes:
    """Return the payload of a level: the lengths of all slices' streams but the last, then the streams."""
    return b"".join([*(varint(len(stream)) for stream in streams[:-1]), *streams])


def unpack_level(payload: bytes, count: int, name: str) -> list[bytes]:
    """Return the streams of so many slices. Raises CorruptFile where they do not fit into the payload of `name`."""
    reader = Reader(payload)
    lengths = [reader.varint(f"length of slice {i} of {name}", _MAX_LENGTH) for i in range(count - 1)]
    if sum(lengths) > len(payload) - reader.at:
        raise CorruptFile(
            f"the slices of {name} need {sum(lengths)} bytes, only {len(payload) - reader.at} are there; "
            "the file was made by something else"
        )
    streams = [reader.take(length, f"a slice of {name}") for length in lengths]
    return [*streams, payload[reader.at :]]
