"""The integers between a prior and an entropy coder: which table codes a symbol, and what the tables hold. Plain numpy.

Every symbol q gets a table and a whole mean m, and is coded as +-(q - m): means are multiples of 1/4 symbol, tables
exist for the offsets 0, 1/4 and 1/2 of small scales, and a negative offset is its mirror image.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

N_SCALES = 39  # scale 2**(-4.5 + i / 3) symbols
N_FINE = 17  # scales below 2 symbols, with offset tables
N_TABLES = 3 * N_FINE + (N_SCALES - N_FINE)
MEAN_SHIFT = 12
HEAD_LIMIT = 4095
SCALE_BIAS = 336  # 32 * 3 * (4.5 - 1): the head's zero is scale 1/2
TOTAL_BITS = 22
ESCAPE_BITS = 16
MAX_RADIUS = 2048


@functools.cache
def scales() -> np.ndarray:
    """Return the logistic scale of each scale index, in symbols, (39,) float64."""
    return 2.0 ** (-4.5 + np.arange(N_SCALES) / 3)


@functools.cache
def mean_factors() -> np.ndarray:
    """Return the factor of each scale index by which a head's mean is multiplied, (39,) int32.

    A head gives means in 1/32 of the scale; times the factor / 2**12 they are in quarter symbols.
    """
    return np.round(scales() * 4 / 32 * 2**MEAN_SHIFT).astype(np.int32)


@functools.cache
def table_scales() -> tuple[np.ndarray, np.ndarray]:
    """Return the scale index and the offset, in quarter symbols, of every table, two (73,) int arrays."""
    scale_index = np.concatenate([np.repeat(np.arange(N_FINE), 3), np.arange(N_FINE, N_SCALES)])
    offset = np.concatenate([np.tile(np.arange(3), N_FINE), np.zeros(N_SCALES - N_FINE, int)])
    return scale_index, offset


@functools.cache
def radii() -> np.ndarray:
    """Return the radius of every table, (73,) int32: table t has entries for -radius..radius and one for an escape."""
    scale_index, _ = table_scales()
    return np.minimum(np.ceil(10 * scales()[scale_index]) + 2, MAX_RADIUS).astype(np.int32)


class Coding(NamedTuple):
    """How symbols are coded: the table of each, its whole mean, and its sign, int32 arrays of one shape.

    Table t codes sign * (symbol - mean).
    """

    tables: np.ndarray
    means: np.ndarray
    signs: np.ndarray


def coding_of_heads(mean_head: np.ndarray, scale_head: np.ndarray, prediction: np.ndarray | None) -> Coding:
    """Return the coding of symbols from what a prior's head gives for each, by docs/FORMAT.md.

    mean_head, scale_head: int32, in 1/32. prediction: int32, in quarter symbols, or
    None where nothing is predicted. All have one shape.
    """
    scale_index, factor = (part.take(scale_head + _HEADS_BELOW_ZERO, mode="clip") for part in _scale_of_head())
    quarters = np.clip(mean_head, -HEAD_LIMIT, HEAD_LIMIT)
    quarters *= factor
    quarters += 1 << (MEAN_SHIFT - 1)
    quarters >>= MEAN_SHIFT
    if prediction is not None:
        quarters += prediction
    return coding_of_quarters(scale_index, quarters)


def coding_of_quarters(scale_index: np.ndarray, quarters: np.ndarray) -> Coding:
    """Return the coding of symbols from their scale index and their mean in quarter symbols, arrays of one shape."""
    key = (quarters & 3) + 4 * scale_index
    tables, signs = (part.take(key) for part in _table_of_key())
    return Coding(tables, ((quarters + 2) >> 2).astype(np.int32, copy=False), signs)


_HEADS_BELOW_ZERO = 128


@functools.cache
def _scale_of_head() -> tuple[np.ndarray, np.ndarray]:
    """Scale index and mean factor of the scale heads from -128 to 319, int32; beyond them nothing changes."""
    head = np.arange(-_HEADS_BELOW_ZERO, 320)
    scale_index = np.clip((3 * head + SCALE_BIAS + 16) >> 5, 0, N_SCALES - 1)
    return scale_index.astype(np.int32), mean_factors()[scale_index]


@functools.cache
def _table_of_key() -> tuple[np.ndarray, np.ndarray]:
    """Table and sign, int32, of 4 * scale index + (mean in quarters) mod 4."""
    scale_index, quarter = np.divmod(np.arange(4 * N_SCALES), 4)
    offset = np.array([0, 1, -2, -1])[quarter]  # from the nearest whole mean
    fine = scale_index < N_FINE
    table = np.where(fine, 3 * scale_index + np.abs(offset), scale_index + 2 * N_FINE)
    return table.astype(np.int32), np.where(fine & (offset < 0), -1, 1).astype(np.int32)


def logistic_tables() -> list[np.ndarray]:
    """Return the frequencies of the 73 tables before they are fitted to counts, (2 radius + 2,) int64 of sum 2**22.

    An entry's mass is that of a logistic distribution on its unit bin; the last one, the escape, has the rest.
    """
    scale_index, offset = table_scales()
    tables = []
    for i, o, radius in zip(scale_index, offset, radii(), strict=True):
        edges = (np.arange(-radius, radius + 2) - 0.5 - o / 4) / scales()[i]
        cdf = 1 / (1 + np.exp(-np.clip(edges, -500, 500)))
        mass = np.diff(cdf)
        tables.append(to_integers(np.append(mass, max(1 - mass.sum(), 0))))
    return tables


def to_integers(mass: np.ndarray) -> np.ndarray:
    """Round masses, (n,), to int64 frequencies of at least 1 that sum to 2**22, by largest remainders."""
    total = 1 << TOTAL_BITS
    mass = np.maximum(mass, 0) / mass.sum()
    exact = mass * (total - len(mass))
    counts = np.floor(exact).astype(np.int64)
    left = total - len(mass) - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts + 1


def fit_tables(counts: list[np.ndarray], strength: float = 200.0) -> list[np.ndarray]:
    """Return tables fitted to how often each of their entries occurred.

    counts: one array a table, of its length. strength: how many counts the logistic tables are worth. The frequencies
    are int64 and sum to 2**22.
    """
    start = logistic_tables()
    return [to_integers(own + strength * table / table.sum()) for own, table in zip(counts, start, strict=True)]
