"""DCT symbols to level streams and back: the prior's walk with an entropy coder at every chunk."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hvaecodec.codec.entropy.coder import Decoder, Encoder, Tables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.photo.chunk import Chunk
from hvaecodec.codec.photo.chunk_coder import ChunkCoder, Code, Frame
from hvaecodec.codec.photo.nets import ExactPrior
from hvaecodec.models.photo.layout import N_LEVELS
from hvaecodec.models.photo.prior_walk import walk

Decide = Callable[[Chunk], np.ndarray]  # chooses the symbols of a chunk, in its shape
Walk = Callable[[Code, int], np.ndarray]  # has every chunk of so many levels coded and returns the symbols


class Encoding(NamedTuple):
    """Level streams, coarse to fine, the model's estimate of their bits, and the symbols that are in them."""

    streams: list[bytes]
    est_bits: list[float]
    symbols: np.ndarray  # int16 (3, 32, 32, rows, columns)


def encode_symbols(prior: ExactPrior, tables: Tables, frame: Frame, decide: Decide) -> Encoding:
    """Encode a picture's symbols, coarse to fine, as six level streams.

    decide: chooses the symbols of every chunk, knowing their tables; `repeat` for symbols that there are already,
    `hvaecodec.codec.photo.search.Rounder` for better ones.
    """
    return encode_walk(functools.partial(_walk, prior, frame), tables, decide)


def encode_walk(walk_with: Walk, tables: Tables, decide: Decide) -> Encoding:
    """Encode the symbols that `decide` chooses for the chunks of a walk; see `encode_symbols`."""
    encoders = [Encoder(tables) for _ in range(N_LEVELS)]

    def write(chunk: Chunk) -> np.ndarray:
        values = decide(chunk)
        encoders[chunk.stream_level].write(values.astype(np.int32).ravel(), *chunk.flat())
        return values

    symbols = walk_with(write, N_LEVELS)
    return Encoding([encoder.bytes() for encoder in encoders], [encoder.est_bits for encoder in encoders], symbols)


def decode_symbols(
    prior: ExactPrior, tables: Tables, frame: Frame, streams: Sequence[bytes]
) -> tuple[np.ndarray, list[float]]:
    """Decode the symbols of as many levels as there are streams, zero below, and the model's estimate of their bits.

    Symbols: int16 (3, 32, 32, rows, columns). Raises CorruptFile for streams that no encoder writes.
    """
    return decode_walk(functools.partial(_walk, prior, frame), tables, streams)


def decode_walk(walk_with: Walk, tables: Tables, streams: Sequence[bytes]) -> tuple[np.ndarray, list[float]]:
    """Decode the symbols of a walk of as many levels as there are streams; see `decode_symbols`."""
    decoders = [Decoder(tables, stream) for stream in streams]

    def read(chunk: Chunk) -> np.ndarray:
        values = decoders[chunk.stream_level].read(*chunk.flat())
        if values.size and max(-int(values.min()), int(values.max())) > 32767:
            raise CorruptFile(
                f"level {chunk.stream_level} holds a symbol outside 16 bits; the file was made by something else"
            )
        return values.reshape(chunk.coding.tables.shape)

    symbols = walk_with(read, len(streams))
    return symbols, [decoder.est_bits for decoder in decoders]


def repeat(symbols: np.ndarray) -> Decide:
    """Return the `Decide` of plain encoding, for symbols int16 (3, 32, 32, rows, columns) that there are already."""
    return lambda chunk: chunk.place.take(symbols)


def _walk(prior: ExactPrior, frame: Frame, code: Code, n_levels: int) -> np.ndarray:
    """Code all symbols of some levels and return them."""
    coder = ChunkCoder(prior, frame, code)
    walk(prior, frame.grid, prior.tensor(np.array([frame.step_index])), coder, n_levels)
    return coder.symbols
