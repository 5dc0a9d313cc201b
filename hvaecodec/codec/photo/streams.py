"""A slice's shapes and symbols to level streams and back: the prior's walk with an entropy coder at every chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from hvaecodec.codec.entropy.coder import BitCounter, Decoder, Encoder, Tables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.photo import adaptation as adaptations
from hvaecodec.codec.photo.adaptation import Adaptation
from hvaecodec.codec.photo.chunk import Chunk, StepPlace
from hvaecodec.codec.photo.chunk_coder import ChunkCoder
from hvaecodec.codec.photo.context import Context, FineSymbols
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.nets import ExactPrior
from hvaecodec.codec.photo.shape_stream import ShapeCoder
from hvaecodec.models.photo.layout import N_LEVELS
from hvaecodec.models.photo.prior_layers import MAX_LINEAR_LEVEL
from hvaecodec.models.photo.prior_walk import walk

Decide = Callable[[Chunk], np.ndarray]  # chooses the symbols of a chunk, in its shape


class Wanted(Enum):
    """What an encoding is to have. Without streams bits are only counted; without symbols only coarse ones are kept.

    Either is sooner, or smaller, than both.
    """

    BOTH = "both"
    STREAMS = "streams"
    SYMBOLS = "symbols"


class Encoding(NamedTuple):
    """Level streams, coarse to fine, if wanted, the model's estimate of their bits, and the context that is in them."""

    streams: list[bytes]
    est_bits: list[float]
    context: Context


@dataclass(frozen=True)
class SliceCoder:
    """Has all that turns a slice into streams and back.

    Level 0 holds the adaptation, if the slice is the first of its picture, then the shapes, then the DCs.
    """

    prior: ExactPrior
    tables: Tables
    shape_coder: ShapeCoder

    def encode(
        self,
        frame: Frame,
        shapes: np.ndarray,
        decide: Decide,
        adaptation: Adaptation = adaptations.NONE,
        wanted: Wanted = Wanted.BOTH,
    ) -> Encoding:
        """Encode a slice's maps, (2, 2 rows, 2 columns), and symbols, coarse to fine, as six level streams.

        decide: chooses the symbols of every chunk, knowing their tables; `repeat` for symbols that there are already,
        `hvaecodec.codec.photo.search.Rounder` for better ones. adaptation: the picture's. wanted: of the encoding.
        """
        written, keep = wanted is not Wanted.SYMBOLS, wanted is not Wanted.STREAMS
        coarsest, finer = Encoder(self.tables), Encoder if written else BitCounter
        writers = [coarsest, *(finer(self.tables) for _ in range(1, N_LEVELS))]
        if frame.first:
            coarsest.est_bits += adaptations.encode(coarsest.coder, adaptation)
        coarsest.est_bits += self.shape_coder.encode(coarsest.coder, frame, shapes)

        def write(chunk: Chunk) -> np.ndarray:
            values = decide(chunk)
            writers[chunk.stream_level].write(values.astype(np.int32).ravel(), *chunk.flat())
            return values

        symbols = self._walk(ChunkCoder(self.prior, frame, write, keep=keep), shapes, N_LEVELS)
        streams = [each.bytes() for each in writers if isinstance(each, Encoder)] if written else []
        est_bits = [each.est_bits for each in writers]
        return Encoding(streams, est_bits, Context(symbols, shapes, frame.step_index, adaptation))

    def decode(
        self, frame: Frame, streams: Sequence[bytes], fine: FineSymbols | None = None
    ) -> tuple[Context, list[float]]:
        """Decode a slice's shapes and the symbols of as many levels as there are streams, zero below.

        Also returns the model's estimate of their bits, by level. fine: takes the symbols of the two finest levels,
        which then are zero in the context. Raises CorruptFile for streams that no encoder writes.
        """
        decoders = [Decoder(self.tables, stream) for stream in streams]
        adaptation = adaptations.NONE
        if frame.first:
            adaptation, decoders[0].est_bits = adaptations.decode(decoders[0].coder)
        shapes, bits = self.shape_coder.decode(decoders[0].coder, frame)
        decoders[0].est_bits += bits
        coder = ChunkCoder(self.prior, frame, _reader(decoders, fine), keep=fine is None)
        symbols = self._walk(coder, shapes, len(streams))
        for decoder in decoders:
            decoder.check_exhausted()
        context = Context(symbols, shapes, frame.step_index, adaptation)
        return context, [decoder.est_bits for decoder in decoders]

    def _walk(self, coder: ChunkCoder, shapes: np.ndarray, n_levels: int) -> np.ndarray:
        """Code all symbols of some levels and return them."""
        step_index = self.prior.tensor(np.array([coder.frame.step_index]))
        walk(self.prior, step_index, shapes[None], coder, n_levels=n_levels)
        return coder.symbols


def repeat(symbols: np.ndarray) -> Decide:
    """Return the `Decide` of plain encoding, for symbols int16 (3, 32, 32, rows, columns) that there are already."""
    return lambda chunk: chunk.place.take(symbols)


def _reader(decoders: Sequence[Decoder], fine: FineSymbols | None) -> Decide:
    """Return what gives the symbols of a chunk from its level's decoder, and those of the finest levels to `fine`."""

    def read(chunk: Chunk) -> np.ndarray:
        """Decode the symbols of a chunk. Raises CorruptFile for one that does not fit into 16 bits."""
        values = decoders[chunk.stream_level].read(*chunk.flat())
        if values.size and max(-int(values.min()), int(values.max())) > 32767:
            raise CorruptFile(
                f"level {chunk.stream_level} holds a symbol outside 16 bits; the file was made by something else"
            )
        values = values.reshape(chunk.coding.tables.shape)
        if fine is not None and isinstance(chunk.place, StepPlace) and chunk.stream_level > MAX_LINEAR_LEVEL:
            fine.put(chunk.place.step.places, chunk.place.rows, values)
        return values

    return read
