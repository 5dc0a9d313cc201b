"""DCT symbols to level streams and back: the prior's walk with an entropy coder at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hvaecodec.codec.entropy.coder import Decoder, Encoder, Tables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.models.integers import N_SCALES, from_quarters, price
from hvaecodec.models.photo.layout import N_LEVELS, STEPS, Step
from hvaecodec.models.photo.prior_walk import walk

CHUNK_TILES = 4096  # tiles of one coder call: a part of the format (docs/FORMAT.md)

# (level, step or None for DCs, first tile row, tables, means, signs) -> symbols of that chunk, the arrays' shape
Decide = Callable[[int, Step | None, Any, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class _Walker:
    """The `dct_prior.Coder` that every use shares: prices a chunk, has it decided, keeps what is known."""

    def __init__(self, arithmetic: Any, symbols: np.ndarray, grey: bool, decide: Decide) -> None:
        self.a, self.symbols, self.grey, self.decide = arithmetic, symbols, grey, decide

    def known_dc(self) -> Any:
        return self.a.tensor(self.symbols[None, :, 0, 0])

    def known(self) -> Any:
        return self.a.tensor(self.symbols[None])

    def dc(self, index: np.ndarray, mean4: Any, head: Any, channels: slice) -> Any:
        n = channels.stop - channels.start
        flat = self.symbols[:, 0, 0].reshape(3, -1)
        if head is None:
            priced = from_quarters(np.full((n, len(index)), N_SCALES - 1), np.zeros((n, len(index)), np.int64))
        else:
            integers = self._integers(head)[0, :, :, 0]
            priced = price(integers[:n], integers[n:], self._integers(mean4)[0, :, :, 0])
        if self.grey:  # chroma is zero and costs nothing
            luma = 1 if channels.start == 0 else 0
            priced = tuple(part[:luma] for part in priced)
            channels = slice(channels.start, channels.start + luma)
        if priced[0].size:
            flat[channels, index] = self.decide(0, None, (channels, index), *priced)
        shown = flat[slice(channels.start, channels.start + n)][:, index]
        return self.a.tensor(shown.astype(np.float32)[None, :, :, None])

    def step(self, step: Step, mean4: Any, state: Any) -> Any:
        height, width = self.symbols.shape[-2:]
        out = np.zeros((step.size, height, width), np.int16)
        rows = max(1, CHUNK_TILES // width)
        if not (self.grey and step.bands[0].channel):
            for top in range(0, height, rows):
                block = slice(top, min(top + rows, height))
                integers = self._integers(self.a.conv(f"{step.name}.head", state[:, :, block]))[0]
                known = None if mean4 is None else self._integers(mean4[:, :, block])[0]
                priced = price(integers[: step.size], integers[step.size :], known)
                out[:, block] = self.decide(step.level, step, block, *priced)
            start = 0
            for band in step.bands:
                part = out[start : start + band.n**2].reshape(band.n, band.n, height, width)
                self.symbols[band.where] = part
                start += band.n**2
        return None if step is STEPS[-1] else self.a.tensor(out.astype(np.float32)[None])

    def _integers(self, x: Any) -> np.ndarray:
        return self.a.numpy(x).astype(np.int32)


def step_symbols(symbols: np.ndarray, step: Step, rows: slice) -> np.ndarray:
    """The symbols of one step in some tile rows, (n, rows, width), from (3, 32, 32, height, width)."""
    parts = [symbols[band.where][:, :, rows].reshape(band.n**2, -1, symbols.shape[-1]) for band in step.bands]
    return np.concatenate(parts)


def as_given(symbols: np.ndarray) -> Decide:
    """The `Decide` of plain encoding: symbols int16 (3, 32, 32, rows, columns) that are known."""
    return lambda level, step, where, *prices: chunk_of(symbols, step, where)


def chunk_of(symbols: np.ndarray, step: Step | None, where: Any) -> np.ndarray:
    """What a chunk holds of an array (3, 32, 32, rows, columns)."""
    if step is None:
        channels, index = where
        return symbols[channels, 0, 0].reshape(channels.stop - channels.start, -1)[:, index]
    return step_symbols(symbols, step, where)


def encode_symbols(
    arithmetic: Any, tables: Tables, grid: tuple[int, int], index: int, decide: Decide, grey: bool = False
) -> tuple[list[bytes], list[float], np.ndarray]:
    """Streams of the six levels, their estimated bits, and the symbols, int16 (3, 32, 32, rows, columns).

    grid: rows and columns of tiles. index: the step index. decide: chooses the symbols of every chunk, knowing their
    prices; `as_given` for symbols that are known, `codec.photo.search` for better ones.
    """
    coders = [Encoder(tables) for _ in range(N_LEVELS)]

    def write(level: int, step: Step | None, where: Any, table: Any, mean: Any, sign: Any) -> np.ndarray:
        values = decide(level, step, where, table, mean, sign)
        coders[level].write(*(part.ravel() for part in (values.astype(np.int32), table, mean, sign)))
        return values

    walker = _Walker(arithmetic, np.zeros((3, 32, 32, *grid), np.int16), grey, write)
    walk(arithmetic, grid, arithmetic.tensor(np.array([index])), walker)
    return [coder.bytes() for coder in coders], [coder.est_bits for coder in coders], walker.symbols


def decode_symbols(
    arithmetic: Any, tables: Tables, streams: Sequence[bytes], grid: tuple[int, int], index: int, grey: bool = False
) -> tuple[np.ndarray, list[float]]:
    """Symbols int16 (3, 32, 32, rows, columns) of as many levels as there are streams, zero below, and their bits."""
    coders = [Decoder(tables, stream) for stream in streams]

    def read(level: int, step: Step | None, where: Any, table: Any, mean: Any, sign: Any) -> np.ndarray:
        values = coders[level].read(*(part.ravel() for part in (table, mean, sign)))
        if values.size and max(-int(values.min()), int(values.max())) > 32767:
            raise CorruptFile(f"level {level} holds a symbol outside 16 bits; the file was made by something else")
        return values.reshape(table.shape)

    symbols = np.zeros((3, 32, 32, *grid), np.int16)
    walker = _Walker(arithmetic, symbols, grey, read)
    walk(arithmetic, grid, arithmetic.tensor(np.array([index])), walker, levels=len(streams))
    return symbols, [coder.est_bits for coder in coders]
