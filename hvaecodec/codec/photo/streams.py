"""DCT symbols to level streams and back: the prior's walk with an entropy coder at every chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hvaecodec.codec.entropy.coder import Decoder, Encoder, Tables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.photo.chunk import Chunk, DcPlace, Place, StepPlace
from hvaecodec.codec.photo.nets import ExactPrior
from hvaecodec.models.integers import N_SCALES, Coding, coding_of_heads, coding_of_quarters
from hvaecodec.models.photo.layout import N_LEVELS, STEPS, TILE, Step
from hvaecodec.models.photo.prior_walk import walk

CHUNK_TILES = 4096  # tiles of one coder call: a part of the format (docs/FORMAT.md)

Decide = Callable[[Chunk], np.ndarray]  # the symbols of a chunk, in its shape


@dataclass(frozen=True)
class Frame:
    """What both sides know of a picture before its first symbol."""

    grid: tuple[int, int]  # rows and columns of tiles
    step_index: int
    grey: bool = False  # chroma is zero and not coded

    @classmethod
    def of(cls, height: int, width: int, step_index: int, grey: bool) -> Frame:
        """Return the frame of a picture of height x width pixels."""
        return cls((-(-height // TILE), -(-width // TILE)), step_index, grey)


class Encoding(NamedTuple):
    """Level streams, coarse to fine, the model's estimate of their bits, and the symbols that are in them."""

    streams: list[bytes]
    est_bits: list[float]
    symbols: np.ndarray  # int16 (3, 32, 32, rows, columns)


def encode_symbols(prior: ExactPrior, tables: Tables, frame: Frame, decide: Decide) -> Encoding:
    """Encode a picture's symbols, coarse to fine, as six level streams.

    decide: chooses the symbols of every chunk, knowing their tables; `known` for symbols that there are already,
    `hvaecodec.codec.photo.search.Rounder` for better ones.
    """
    encoders = [Encoder(tables) for _ in range(N_LEVELS)]

    def write(chunk: Chunk) -> np.ndarray:
        values = decide(chunk)
        encoders[chunk.stream_level].write(values.astype(np.int32).ravel(), *chunk.flat())
        return values

    symbols = _walk(prior, frame, write, N_LEVELS)
    return Encoding([encoder.bytes() for encoder in encoders], [encoder.est_bits for encoder in encoders], symbols)


def decode_symbols(
    prior: ExactPrior, tables: Tables, frame: Frame, streams: Sequence[bytes]
) -> tuple[np.ndarray, list[float]]:
    """Decode the symbols of as many levels as there are streams, zero below, and the model's estimate of their bits.

    Symbols: int16 (3, 32, 32, rows, columns). Raises CorruptFile for streams that no encoder writes.
    """
    decoders = [Decoder(tables, stream) for stream in streams]

    def read(chunk: Chunk) -> np.ndarray:
        values = decoders[chunk.stream_level].read(*chunk.flat())
        if values.size and max(-int(values.min()), int(values.max())) > 32767:
            raise CorruptFile(
                f"level {chunk.stream_level} holds a symbol outside 16 bits; the file was made by something else"
            )
        return values.reshape(chunk.coding.tables.shape)

    symbols = _walk(prior, frame, read, len(streams))
    return symbols, [decoder.est_bits for decoder in decoders]


def known(symbols: np.ndarray) -> Decide:
    """Return the `Decide` of plain encoding, for symbols int16 (3, 32, 32, rows, columns) that there are already."""
    return lambda chunk: chunk.place.take(symbols)


def _walk(prior: ExactPrior, frame: Frame, code: Decide, n_levels: int) -> np.ndarray:
    """Code all symbols of some levels and return them."""
    coder = ChunkCoder(prior, frame, code)
    walk(prior, frame.grid, prior.tensor(np.array([frame.step_index])), coder, n_levels)
    return coder.symbols


class ChunkCoder:
    """The `prior_walk.Coder` of files: cuts what the network says into chunks, has each coded, and keeps the symbols.

    code: writes or reads the symbols of a chunk and returns them.
    """

    def __init__(self, prior: ExactPrior, frame: Frame, code: Decide) -> None:
        self.prior, self.frame, self.code = prior, frame, code
        self.symbols = np.zeros((3, TILE, TILE, *frame.grid), np.int16)

    def known_dc(self) -> Any:
        """Return the DCs, (1, 3, rows, columns)."""
        return self.prior.tensor(self.symbols[None, :, 0, 0])

    def known(self) -> Any:
        """Return all symbols, (1, 3, 32, 32, rows, columns)."""
        return self.prior.tensor(self.symbols[None])

    def code_dc(self, tiles: np.ndarray, channels: slice, prediction: Any, head: Any) -> Any:
        """Code the DCs at some tiles, those of chroma only if there is colour, and return them, (1, channels, N, 1)."""
        first = channels.start
        last = min(channels.stop, 1) if self.frame.grey else channels.stop
        if first < last:
            coding = self._dc_coding(channels.stop - first, len(tiles), prediction, head)
            self._code(DcPlace(slice(first, last), tiles), Coding(*(part[: last - first] for part in coding)))
        values = DcPlace(channels, tiles).take(self.symbols)
        return self.prior.tensor(values.astype(np.float32)[None, :, :, None])

    def code_step(self, step: Step, prediction: Any, state: Any) -> Any:
        """Code a step, so many tiles at a time, and return its symbols, (1, n, rows, columns); None for the last."""
        height, width = self.frame.grid
        at_once = max(1, CHUNK_TILES // width)
        if not (self.frame.grey and step.bands[0].channel):
            for top in range(0, height, at_once):
                rows = slice(top, min(top + at_once, height))
                head = self._integers(self.prior.conv(f"{step.name}.head", state[:, :, rows]))[0]
                predicted = None if prediction is None else self._integers(prediction[:, :, rows])[0]
                self._code(StepPlace(step, rows), coding_of_heads(head[: step.size], head[step.size :], predicted))
        if step is STEPS[-1]:
            return None
        values = StepPlace(step, slice(None)).take(self.symbols)
        return self.prior.tensor(values.astype(np.float32)[None])

    def embedded(self, step: Step, features: Any) -> None:
        """Nothing is done with the features."""

    def _code(self, place: Place, coding: Coding) -> None:
        place.put(self.symbols, self.code(Chunk(place, coding)))

    def _dc_coding(self, n_channels: int, n_tiles: int, prediction: Any, head: Any) -> Coding:
        """How DCs are coded: by the widest table around zero on the coarsest lattice, else as the network says."""
        if head is None:
            shape = n_channels, n_tiles
            return coding_of_quarters(np.full(shape, N_SCALES - 1), np.zeros(shape, np.int64))
        integers = self._integers(head)[0, :, :, 0]
        return coding_of_heads(integers[:n_channels], integers[n_channels:], self._integers(prediction)[0, :, :, 0])

    def _integers(self, x: Any) -> np.ndarray:
        return self.prior.numpy(x).astype(np.int32)
