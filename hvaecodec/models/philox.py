"""Random numbers that depend only on seed, level and place: what a decoder draws from at temperature > 0.

One 64-bit word of Philox4x64-10 a sample, counter-based, so that a strip gets exactly the numbers that the whole
picture would give it. docs/FORMAT.md is the norm.
"""

from __future__ import annotations

from operator import index

import numpy as np
import torch

_WORDS = 4  # of one Philox block


def words(seed: int, level: int, first: int, count: int) -> np.ndarray:
    """`count` raw words, uint64, from word `first` of the stream with key (seed, level).

    Raises ValueError unless seed and level lie in 0..2**64-1.
    """
    for name, value in (("seed", index(seed)), ("level", index(level))):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} must lie in 0..2**64-1, got {value}")
    blocks, skip = divmod(first, _WORDS)
    generator = np.random.Philox(key=np.array([seed, level], np.uint64)).advance(blocks)
    return generator.random_raw(skip + count)[skip:]


def uniforms(seed: int, level: int, grid: tuple[int, int, int], first_row: int, n_rows: int) -> np.ndarray:
    """Numbers above 0 and below 1 for some rows of a level, float64 (channels, n_rows, columns).

    grid: (rows, columns, channels) of the whole level; rows past its end have numbers too.
    """
    _, columns, channels = grid
    row = columns * channels
    drawn = words(seed, level, first_row * row, n_rows * row) >> np.uint64(12)
    values = (drawn.astype(np.float64) + 0.5) / 2**52  # exact; with one more bit the largest would round to 1
    return np.ascontiguousarray(values.reshape(n_rows, columns, channels).transpose(2, 0, 1))


def normals(seed: int, level: int, grid: tuple[int, int, int], first_row: int, n_rows: int) -> np.ndarray:
    """Standard normal numbers for some rows of a level, float64 (channels, n_rows, columns)."""
    return torch.special.ndtri(torch.from_numpy(uniforms(seed, level, grid, first_row, n_rows))).numpy()
