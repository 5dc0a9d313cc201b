"""Grids of indices to a stream and back: the index prior's walk with an entropy coder at every bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hvaecodec.codec.entropy.bits import BitDecoder, BitEncoder, BitTables
from hvaecodec.models.hqa.index_prior import DEPTH, Arithmetic, table_of, walk


def encode_indices(a: Arithmetic, tables: BitTables, indices: np.ndarray) -> tuple[bytes, float]:
    """The stream of indices int16 (rows, columns) in 0..511, and its estimated bits."""
    coder, flat = BitEncoder(tables), indices.ravel().astype(np.int32)

    def write(logits: np.ndarray, at: np.ndarray) -> np.ndarray:
        wanted = flat[at]

        def code(table: np.ndarray, flip: np.ndarray, level: int) -> np.ndarray:
            bits = (wanted >> (DEPTH - 1 - level)) & 1
            coder.write(bits ^ flip, table)
            return bits

        return _descend(logits, code)

    walk(a, (indices.shape[0], indices.shape[1]), write)
    return coder.bytes(), coder.est_bits


def decode_indices(a: Arithmetic, tables: BitTables, stream: bytes, grid: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Indices int16 (rows, columns) of a stream, and their estimated bits. Raises CorruptFile."""
    coder = BitDecoder(tables, stream)

    def read(logits: np.ndarray, at: np.ndarray) -> np.ndarray:
        return _descend(logits, lambda table, flip, level: coder.read(table) ^ flip)

    return walk(a, grid, read), coder.est_bits


def _descend(logits: np.ndarray, code: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Indices of a chunk, int32 (n,), one level of the tree a pass. logits: (n, 511)."""
    rows = np.arange(len(logits))
    indices = np.zeros(len(logits), np.int32)
    for level in range(DEPTH):
        table, flip = table_of(logits[rows, (1 << level) - 1 + indices])
        indices = 2 * indices + code(table, flip, level)
    return indices
