"""Pictures of `dct-vae-photo` that are never held whole: slice by slice into streams, and streams to bands of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hvaecodec.codec.format.container import Container, Header, pack
from hvaecodec.codec.format.wire_ids import EXIF, ICC
from hvaecodec.codec.free_memory import hand_back_memory
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import Origin
from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.codec.photo.adaptation import NONE
from hvaecodec.codec.photo.context import FineSymbols, PackedContext, RollingContext, Windows
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.nets import PhotoNets
from hvaecodec.codec.photo.slices import decode_each_slice, decode_slices, join_streams, streams_of_slices
from hvaecodec.codec.photo.streams import SliceCoder
from hvaecodec.codec.rows import Progress, RowSource, read_rows
from hvaecodec.models.photo.layout import TILE

if TYPE_CHECKING:
    from hvaecodec.codec.photo.encoder import SliceEncoder


def encode_slices(encoder: SliceEncoder, source: RowSource, step_index: int, progress: Progress | None) -> list[bytes]:
    """Return the level payloads of a picture of which one slice is read at a time.

    source: is read, and progress called, on this thread; the slices are encoded on one of ours.
    """
    height, width = source.shape[:2]
    frame = Frame.of(height, width, step_index, grey=len(source.shape) == 2)
    streams, encode = [], on_own_thread(encoder.streams)
    for part in frame.slices:
        rows = slice(part.start * TILE, min(part.stop * TILE, height))
        streams.append(encode(read_rows(source, rows), frame.within(part)))
        hand_back_memory()
        if progress is not None:
            progress(rows.stop, height)
    return join_streams(streams)


def pack_rows(source: RowSource, levels: list[bytes], origin: Origin) -> bytes:
    """Pack the level payloads of a source, with the metadata that it may have, into a complete file."""
    height, width = source.shape[:2]
    mode = "L" if len(source.shape) == 2 else "RGB"
    header = Header(origin.codec, mode, height, width, origin.step_index, origin.weights, origin.generator)
    blocks = ((ICC, getattr(source, "icc", None)), (EXIF, getattr(source, "exif", None)))
    return pack(header, levels, [(kind, block) for kind, block in blocks if block])


def read_whole(source: RowSource) -> LoadedImage:
    """Return all rows of a source, with its metadata."""
    pixels = read_rows(source, slice(0, source.shape[0]))
    return LoadedImage(pixels, getattr(source, "icc", None), getattr(source, "exif", None))


def frame_of(container: Container) -> Frame:
    """Return the frame of a file's picture."""
    header = container.header
    return Frame.of(header.height, header.width, header.step_index, grey=header.mode.startswith("L"))


def thumbnail_bands(coder: SliceCoder, nets: PhotoNets, container: Container, size: int) -> Iterator[np.ndarray]:
    """Give the picture of `size` pixels a tile, slice by slice, uint8 (rows, columns * size, 3)."""
    for context, _ in decode_each_slice(coder, frame_of(container), container.levels):
        band = nets.thumbnail(context, size)
        del context
        yield band


def context_of(coder: SliceCoder, container: Container, *, adapted: bool) -> Windows:
    """Return the context of a file, zero below its levels; several slices are decoded as they are needed.

    adapted: whether what the file changes of its generator holds.
    """
    frame = frame_of(container)
    if len(frame.slices) == 1:
        context, _ = decode_slices(coder, frame, container.levels)
        return context if adapted else replace(context, adaptation=NONE)

    def parts() -> Iterator[PackedContext]:
        """Decode slice by slice, each when it is asked for."""
        for part, streams in streams_of_slices(frame, container.levels):
            fine = FineSymbols(part.grid)
            context, _ = coder.decode(part, streams, fine)
            packed = PackedContext(context if adapted else replace(context, adaptation=NONE), fine)
            del context, fine  # which are large: they should not be there while others are drawn or decoded
            hand_back_memory()
            yield packed
            del packed

    return RollingContext(frame.grid, frame.step_index, parts())
