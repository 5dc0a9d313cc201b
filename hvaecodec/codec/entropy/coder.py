"""Entropy coding with stored integer tables: a range coder from `constriction`, one call per table and chunk.

Between symbols and bytes there are only integers: a table is frequencies that sum to 2**22; they reach the coder as
exact dyadic float64, and docs/FORMAT.md gives the integer CDF that results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import constriction
import numpy as np

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.models.integers import ESCAPE_BITS, TOTAL_BITS, radii

_ESCAPE_OFFSET = 1 << (ESCAPE_BITS - 1)


class Tables:
    """The stored tables, ready for the coder; built once a codec. radius: int32, of each; the DCT-VAE's if not given."""

    def __init__(self, frequencies: Sequence[np.ndarray], radius: np.ndarray | None = None) -> None:
        self.radius = radii() if radius is None else radius
        categorical = constriction.stream.model.Categorical
        self.models: list[Any] = []
        self.bits: list[np.ndarray] = []
        for table, radius in zip(frequencies, self.radius, strict=True):
            if len(table) != 2 * radius + 2 or table.sum() != 1 << TOTAL_BITS or table.min() < 1:
                raise ValueError("a table must hold 2 radius + 2 positive frequencies that sum to 2**22")
            self.models.append(categorical(table / 2.0**TOTAL_BITS, perfect=False))
            bits = TOTAL_BITS - np.log2(table.astype(np.float64))
            bits[-1] += ESCAPE_BITS
            self.bits.append(bits.astype(np.float32))
        self.escape = constriction.stream.model.Uniform(1 << ESCAPE_BITS)
        self.starts = np.concatenate([[0], np.cumsum([len(b) for b in self.bits])]).astype(np.int64)
        self.flat_bits = np.concatenate(self.bits)

    def cost(self, symbols: np.ndarray, table: np.ndarray, mean: np.ndarray, sign: np.ndarray) -> np.ndarray:
        """Bits of every symbol, float32, from the stored tables."""
        radius = self.radius[table]
        entry = (symbols - mean) * sign + radius
        entry = np.where((entry < 0) | (entry > 2 * radius), 2 * radius + 1, entry)
        return self.flat_bits[self.starts[table] + entry]


def _runs(table: np.ndarray) -> tuple[np.ndarray, Iterator[tuple[int, int, int]]]:
    """A stable order by table, and (table, start, stop) of every run in that order."""
    order = np.argsort(table.astype(np.uint8), kind="stable")
    ends = np.cumsum(np.bincount(table, minlength=1))
    starts = np.concatenate([[0], ends[:-1]])
    return order, ((t, int(a), int(b)) for t, (a, b) in enumerate(zip(starts, ends, strict=True)) if b > a)


class Encoder:
    """Writes one stream. Arrays are flat, in coding order before the sort by table. est_bits: of all written so far."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.coder = constriction.stream.queue.RangeEncoder()
        self.est_bits = 0.0

    def write(self, symbols: np.ndarray, table: np.ndarray, mean: np.ndarray, sign: np.ndarray) -> None:
        """One chunk: int32 symbols with their tables, whole means and signs."""
        order, runs = _runs(table)
        radius = self.tables.radius.take(table)
        residual = symbols - mean
        entry = residual * sign
        entry += radius
        outside = entry.view(np.uint32) > (2 * radius).view(np.uint32)  # also what is negative
        escapes = bool(outside.any())
        if escapes:
            entry[outside] = 2 * radius[outside] + 1
        entry = entry.take(order)
        for t, start, stop in runs:
            run = entry[start:stop]
            self.coder.encode(run, self.tables.models[t])
            self.est_bits += float(self.tables.bits[t].take(run).sum(dtype=np.float64))
        if escapes:
            values = symbols[order[outside[order]]] + _ESCAPE_OFFSET
            self.coder.encode(values, self.tables.escape)

    def bytes(self) -> bytes:
        """The stream: 32-bit words, little endian, without the zero bytes at its end."""
        return self.coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")


class Decoder:
    """Reads one stream back, chunk by chunk in the order it was written. est_bits: of all read so far."""

    def __init__(self, tables: Tables, data: bytes) -> None:
        self.tables = tables
        padded = data + b"\0" * (-len(data) % 4)
        self.coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, "<u4").astype(np.uint32))
        self.est_bits = 0.0

    def read(self, table: np.ndarray, mean: np.ndarray, sign: np.ndarray) -> np.ndarray:
        """Int32 symbols of one chunk from their tables, whole means and signs."""
        order, runs = _runs(table)
        residual = np.empty(len(table), np.int32)
        escaped = []
        for t, start, stop in runs:
            radius = int(self.tables.radius[t])
            run = self._decode(self.tables.models[t], stop - start)
            self.est_bits += float(self.tables.bits[t].take(run).sum(dtype=np.float64))
            escaped.append(order[start:stop][run == 2 * radius + 1])
            np.subtract(run, radius, out=residual[start:stop])
        symbols = np.empty(len(table), np.int32)
        symbols[order] = residual
        symbols *= sign
        symbols += mean
        for where in escaped:
            if len(where):
                symbols[where] = self._decode(self.tables.escape, len(where)) - _ESCAPE_OFFSET
        return symbols

    def _decode(self, model: Any, count: int) -> np.ndarray:
        try:
            return self.coder.decode(model, count)
        except AssertionError as error:  # constriction's word for data that no encoder writes
            raise CorruptFile(
                "a stream holds data that no encoder writes; the file was made by something else"
            ) from error
