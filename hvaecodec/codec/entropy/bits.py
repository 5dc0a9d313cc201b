"""Entropy coding of single bits with stored integer tables: the range coder of `coder`, one call per table and pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import constriction
import numpy as np

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.models.integers import TOTAL_BITS


class BitTables:
    """The stored frequencies of bits 0 and 1, (n, 2), ready for the coder; built once a codec."""

    def __init__(self, frequencies: np.ndarray) -> None:
        frequencies = frequencies.astype(np.int64)
        if frequencies.ndim != 2 or frequencies.shape[1] != 2 or frequencies.min() < 1:
            raise ValueError("a table must hold positive frequencies of two bits")
        if (frequencies.sum(1) != 1 << TOTAL_BITS).any():
            raise ValueError("the frequencies of a table must sum to 2**22")
        categorical = constriction.stream.model.Categorical
        self.models: list[Any] = [categorical(row / 2.0**TOTAL_BITS, perfect=False) for row in frequencies]
        self.bits = TOTAL_BITS - np.log2(frequencies.astype(np.float64))


def _runs(table: np.ndarray, n: int) -> tuple[np.ndarray, Iterator[tuple[int, int, int]]]:
    """A stable order by table, and (table, start, stop) of every run in that order."""
    order = np.argsort(table.astype(np.uint8), kind="stable")
    ends = np.cumsum(np.bincount(table, minlength=n))
    starts = np.concatenate([[0], ends[:-1]])
    return order, ((t, int(a), int(b)) for t, (a, b) in enumerate(zip(starts, ends, strict=True)) if b > a)


class BitEncoder:
    """Writes one stream. est_bits: of all written so far."""

    def __init__(self, tables: BitTables) -> None:
        self.tables = tables
        self.coder = constriction.stream.queue.RangeEncoder()
        self.est_bits = 0.0

    def write(self, bits: np.ndarray, table: np.ndarray) -> None:
        """One pass: bits int32 (n,) with their tables."""
        order, runs = _runs(table, len(self.tables.models))
        sorted_bits = np.ascontiguousarray(bits[order], np.int32)
        for t, start, stop in runs:
            self.coder.encode(sorted_bits[start:stop], self.tables.models[t])
        self.est_bits += float(self.tables.bits[table, bits].sum())

    def bytes(self) -> bytes:
        """The stream: 32-bit words, little endian, without the zero bytes at its end."""
        return self.coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")


class BitDecoder:
    """Reads one stream back, pass by pass in the order it was written. est_bits: of all read so far."""

    def __init__(self, tables: BitTables, data: bytes) -> None:
        self.tables = tables
        padded = data + b"\0" * (-len(data) % 4)
        self.coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, "<u4").astype(np.uint32))
        self.est_bits = 0.0

    def read(self, table: np.ndarray) -> np.ndarray:
        """Bits int32 (n,) of one pass from their tables."""
        order, runs = _runs(table, len(self.tables.models))
        found = np.empty(len(table), np.int32)
        for t, start, stop in runs:
            try:
                found[order[start:stop]] = self.coder.decode(self.tables.models[t], stop - start)
            except AssertionError as error:  # constriction's word for data that no encoder writes
                raise CorruptFile(
                    "a stream holds data that no encoder writes; the file was made by something else"
                ) from error
        self.est_bits += float(self.tables.bits[table, found].sum())
        return found
