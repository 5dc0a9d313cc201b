"""Grids of indices to a stream and back: the index prior's walk with an entropy coder at every bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hvaecodec.codec.entropy.bits import BitDecoder, BitEncoder, BitTables
from hvaecodec.models.hqa.index_prior import DEPTH, Arithmetic, table_of, walk

CodeBits = Callable[[np.ndarray, np.ndarray, int], np.ndarray]  # (tables, flips, tree depth) to bits, (n,) each


def encode_indices(arithmetic: Arithmetic, tables: BitTables, indices: np.ndarray) -> tuple[bytes, float]:
    """Encode indices, int16 (rows, columns) in 0..511; return their stream and its estimated bits."""
    coder, flat = BitEncoder(tables), indices.ravel().astype(np.int32)

    def write_chunk(logits: np.ndarray, at: np.ndarray) -> np.ndarray:
        chunk = flat[at]

        def write_bits(table: np.ndarray, flip: np.ndarray, tree_depth: int) -> np.ndarray:
            bits = (chunk >> (DEPTH - 1 - tree_depth)) & 1
            coder.write(bits ^ flip, table)
            return bits

        return _descend_tree(logits, write_bits)

    walk(arithmetic, (indices.shape[0], indices.shape[1]), write_chunk)
    return coder.bytes(), coder.est_bits


def decode_indices(
    arithmetic: Arithmetic, tables: BitTables, stream: bytes, grid: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """Decode a stream; return its indices, int16 (rows, columns), and their estimated bits. Raises CorruptFile."""
    coder = BitDecoder(tables, stream)

    def read_bits(table: np.ndarray, flip: np.ndarray, tree_depth: int) -> np.ndarray:
        return coder.read(table) ^ flip

    indices = walk(arithmetic, grid, lambda logits, at: _descend_tree(logits, read_bits))
    coder.check_exhausted()
    return indices, coder.est_bits


def _descend_tree(logits: np.ndarray, code_bits: CodeBits) -> np.ndarray:
    """Code the indices of a chunk, int32 (n,), one depth of the tree a pass. logits: of the tree's nodes, (n, 511)."""
    rows = np.arange(len(logits))
    indices = np.zeros(len(logits), np.int32)
    for tree_depth in range(DEPTH):
        table, flip = table_of(logits[rows, (1 << tree_depth) - 1 + indices])
        indices = 2 * indices + code_bits(table, flip, tree_depth)
    return indices
