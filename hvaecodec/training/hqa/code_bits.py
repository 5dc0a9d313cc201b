"""Tells what every code would cost in every cell of a grid: the rate that encoders are trained against."""

from __future__ import annotations

import numpy as np

from hvaecodec.models.hqa.index_prior import CODES, DEPTH, Arithmetic, walk

_LOG2_E = 1.4426950408889634  # bits in a nat
_UNIT = 32  # of a logit, in the integers that an `Arithmetic` gives


def code_bits(a: Arithmetic, indices: np.ndarray) -> np.ndarray:
    """Return the bits of every code in every cell of a grid, float32 (rows * columns, 512), other cells as they are.

    indices: (rows, columns) in 0..511. They are bits of the logits as they are, without the steps of the tables.
    """
    own = indices.ravel()
    bits = np.empty((own.size, CODES), np.float32)

    def code(logits: np.ndarray, places: np.ndarray) -> np.ndarray:
        bits[places] = _leaf_bits(logits.astype(np.float32) / _UNIT)
        return own[places]

    walk(a, (indices.shape[0], indices.shape[1]), code)
    return bits


def _leaf_bits(logits: np.ndarray) -> np.ndarray:
    """Return the bits of all paths down the tree, (n, 512), from the logits of its nodes, (n, 511)."""
    bits = np.zeros((len(logits), 1), np.float32)
    for tree_depth in range(DEPTH):
        nodes = logits[:, (1 << tree_depth) - 1 : (2 << tree_depth) - 1]
        both = np.stack([np.logaddexp2(0, nodes * _LOG2_E), np.logaddexp2(0, -nodes * _LOG2_E)], 2)
        bits = (bits[:, :, None] + both).reshape(len(logits), -1)
    return bits
