"""Entropy coding of single bits with stored integer tables: the range coder of `coder`, one call per table and pass."""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np

from hvaecodec.codec.entropy.order import order_by_table
from hvaecodec.codec.entropy.words import check_exhausted, decode_run, from_words, to_words
from hvaecodec.models.integers import TOTAL_BITS


class BitTables:
    """The stored frequencies of bits 0 and 1, (n, 2), ready for the coder; built once a codec.

    Raises ValueError unless they are positive and each pair sums to 2**22.
    """

    def __init__(self, frequencies: np.ndarray) -> None:
        frequencies = frequencies.astype(np.int64)
        if frequencies.ndim != 2 or frequencies.shape[1] != 2 or frequencies.min() < 1:
            raise ValueError("a table must hold positive frequencies of two bits")
        if (frequencies.sum(1) != 1 << TOTAL_BITS).any():
            raise ValueError("the frequencies of a table must sum to 2**22")
        categorical = constriction.stream.model.Categorical
        self.models: list[Any] = [categorical(row / 2.0**TOTAL_BITS, perfect=False) for row in frequencies]
        self.bits = TOTAL_BITS - np.log2(frequencies.astype(np.float64))


class BitEncoder:
    """Writes one stream. est_bits: of all written so far."""

    def __init__(self, tables: BitTables) -> None:
        self.tables = tables
        self.coder = constriction.stream.queue.RangeEncoder()
        self.est_bits = 0.0

    def write(self, bits: np.ndarray, tables: np.ndarray) -> None:
        """Write one pass: bits, int32 (N,), with the number of the table of each."""
        order, runs = order_by_table(tables)
        sorted_bits = np.ascontiguousarray(bits[order], np.int32)
        for table, start, stop in runs:
            self.coder.encode(sorted_bits[start:stop], self.tables.models[table])
        self.est_bits += float(self.tables.bits[tables, bits].sum())

    def bytes(self) -> bytes:
        """Return the stream of all that was written."""
        return from_words(self.coder.get_compressed())


class BitDecoder:
    """Reads one stream back, pass by pass in the order it was written. est_bits: of all read so far."""

    def __init__(self, tables: BitTables, data: bytes) -> None:
        self.tables = tables
        self.coder = constriction.stream.queue.RangeDecoder(to_words(data))
        self.est_bits = 0.0

    def read(self, tables: np.ndarray) -> np.ndarray:
        """Return the bits of one pass, int32 (N,), from the number of the table of each.

        Raises CorruptFile for data that no encoder writes.
        """
        order, runs = order_by_table(tables)
        bits = np.empty(len(tables), np.int32)
        for table, start, stop in runs:
            bits[order[start:stop]] = decode_run(self.coder, self.tables.models[table], stop - start)
        self.est_bits += float(self.tables.bits[tables, bits].sum())
        return bits

    def check_exhausted(self) -> None:
        """Raise CorruptFile if the stream goes on after all that was read of it."""
        check_exhausted(self.coder)
