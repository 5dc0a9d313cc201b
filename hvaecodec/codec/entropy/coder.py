"""Entropy coding with stored integer tables: a range coder from `constriction`, one call per table and chunk.

Between symbols and bytes there are only integers: a table is frequencies that sum to 2**22; they reach the coder as
exact dyadic float64, and docs/FORMAT.md gives the integer CDF that results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import constriction
import numpy as np

from hvaecodec.codec.entropy.order import order_by_table
from hvaecodec.codec.entropy.words import check_exhausted, decode_run, from_words, to_words
from hvaecodec.models.integers import ESCAPE_BITS, TOTAL_BITS, radii

_AT_ONCE = 1 << 18  # symbols that are looked up at once: a chunk may have six million, and indices take eight bytes
_ESCAPE_OFFSET = 1 << (ESCAPE_BITS - 1)


class Tables:
    """The stored tables, ready for the coder; built once a codec.

    frequencies: of each table (2 radius + 2,), at least 1 and of sum 2**22. radius: int32, of each table; None takes
    those of the DCT-VAE. Raises ValueError for anything else.
    """

    def __init__(self, frequencies: Sequence[np.ndarray], radius: np.ndarray | None = None) -> None:
        self.radius = radii() if radius is None else radius
        categorical = constriction.stream.model.Categorical
        self.models: list[Any] = []
        self.bits: list[np.ndarray] = []
        for table, reach in zip(frequencies, self.radius, strict=True):
            if len(table) != 2 * reach + 2 or table.sum() != 1 << TOTAL_BITS or table.min() < 1:
                raise ValueError("a table must hold 2 radius + 2 positive frequencies that sum to 2**22")
            self.models.append(categorical(table / 2.0**TOTAL_BITS, perfect=False))
            bits = TOTAL_BITS - np.log2(table.astype(np.float64))
            bits[-1] += ESCAPE_BITS
            self.bits.append(bits.astype(np.float32))
        self.escape = constriction.stream.model.Uniform(1 << ESCAPE_BITS)
        self.starts = np.concatenate([[0], np.cumsum([len(b) for b in self.bits])]).astype(np.int64)
        self.flat_bits = np.concatenate(self.bits)

    def cost(self, symbols: np.ndarray, tables: np.ndarray, means: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """Return the bits of every symbol, float32, from the stored tables; all arrays have one shape."""
        radius = self.radius[tables]
        entry = (symbols - means) * signs + radius
        entry = np.where((entry < 0) | (entry > 2 * radius), 2 * radius + 1, entry)
        return self.flat_bits[self.starts[tables] + entry]

    def sum_of_bits(self, tables: np.ndarray, entries: np.ndarray) -> float:
        """Return the bits of entries of tables, intp (N,) and int32 (N,), together."""
        return float(self.flat_bits.take(self.starts.take(tables) + entries).sum(dtype=np.float64))


def _pieces(count: int) -> Iterator[slice]:
    """Cut so many symbols into pieces; there is one if there are none."""
    for first in range(0, max(count, 1), _AT_ONCE):
        yield slice(first, min(first + _AT_ONCE, count))


class BitCounter:
    """Counts what an `Encoder` would write. Arrays are flat, in coding order. est_bits: of all counted so far."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.est_bits = 0.0

    def write(self, symbols: np.ndarray, tables: np.ndarray, means: np.ndarray, signs: np.ndarray) -> None:
        """Count one chunk: symbols with their tables, whole means and signs, int32 (N,)."""
        self._entries(symbols, tables, means, signs)

    def _entries(
        self, symbols: np.ndarray, tables: np.ndarray, means: np.ndarray, signs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Count a chunk, and return its symbols' entries in their tables, and where there are escapes."""
        entry = symbols - means
        entry *= signs
        parts = [some.start + self._enter(entry[some], tables[some]) for some in _pieces(len(entry))]
        return entry, np.concatenate(parts)

    def _enter(self, values: np.ndarray, tables: np.ndarray) -> np.ndarray:
        """Make differences to means their entries in their tables, in place, and return where there are escapes."""
        tables = tables.astype(np.intp)  # indices of another kind are slow
        radius = self.tables.radius.take(tables)
        values += radius
        radius *= 2
        outside = np.flatnonzero(values.view(np.uint32) > radius.view(np.uint32))  # also what is negative
        values[outside] = radius[outside] + 1
        self.est_bits += self.tables.sum_of_bits(tables, values)
        return outside


class Encoder(BitCounter):
    """Writes one stream. Arrays are flat, in coding order before the sort by table. est_bits: of all written so far."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.coder = constriction.stream.queue.RangeEncoder()

    def write(self, symbols: np.ndarray, tables: np.ndarray, means: np.ndarray, signs: np.ndarray) -> None:
        """Write one chunk: symbols with their tables, whole means and signs, int32 (N,)."""
        order, runs = order_by_table(tables)
        entry, escapes = self._entries(symbols, tables, means, signs)
        entry = entry.take(order)
        for table, start, stop in runs:
            self.coder.encode(entry[start:stop], self.tables.models[table])
        if len(escapes):
            outside = np.zeros(len(symbols), bool)
            outside[escapes] = True
            values = symbols[order[outside[order]]] + _ESCAPE_OFFSET
            self.coder.encode(values, self.tables.escape)

    def bytes(self) -> bytes:
        """Return the stream of all that was written."""
        return from_words(self.coder.get_compressed())


class Decoder:
    """Reads one stream back, chunk by chunk in the order it was written. est_bits: of all read so far."""

    def __init__(self, tables: Tables, data: bytes) -> None:
        self.tables = tables
        self.coder = constriction.stream.queue.RangeDecoder(to_words(data))
        self.est_bits = 0.0

    def read(self, tables: np.ndarray, means: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """Return the symbols of one chunk, int32 (N,), from their tables, whole means and signs.

        Raises CorruptFile for data that no encoder writes; it can also go unnoticed and give wrong symbols.
        """
        order, runs = order_by_table(tables)
        entry = np.empty(len(tables), np.int32)
        for table, start, stop in runs:
            entry[start:stop] = decode_run(self.coder, self.tables.models[table], stop - start)
        symbols = np.empty(len(tables), np.int32)
        parts = [self._leave(symbols, tables, entry[some], order[some]) for some in _pieces(len(entry))]
        symbols *= signs
        symbols += means
        escapes = np.concatenate(parts)
        if len(escapes):
            symbols[escapes] = decode_run(self.coder, self.tables.escape, len(escapes)) - _ESCAPE_OFFSET
        return symbols

    def _leave(self, values: np.ndarray, tables: np.ndarray, entry: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Put differences to means where entries in their tables belong, and return where there are escapes."""
        tables = tables.take(order).astype(np.intp)  # indices of another kind are slow
        self.est_bits += self.tables.sum_of_bits(tables, entry)
        radius = self.tables.radius.take(tables)
        escapes: np.ndarray = order[entry == 2 * radius + 1]
        values[order] = entry - radius
        return escapes

    def check_exhausted(self) -> None:
        """Raise CorruptFile if the stream goes on after all that was read of it."""
        check_exhausted(self.coder)
