"""From the integers a prior's head gives to the integers an entropy coder needs; plain numpy, exact everywhere.

Every symbol q gets a table and a whole mean m, and is coded as +-(q - m): means are multiples of 1/4 symbol, tables
exist for the offsets 0, 1/4 and 1/2 of small scales, and a negative offset is its mirror image.
"""

from __future__ import annotations

import functools

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
    """(39,) float64: logistic scale of each index, in symbols."""
    return 2.0 ** (-4.5 + np.arange(N_SCALES) / 3)


@functools.cache
def mean_factors() -> np.ndarray:
    """(39,) int32: a head's mean, in 1/32 of the scale, times this / 2**12 is in quarter symbols."""
    return np.round(scales() * 4 / 32 * 2**MEAN_SHIFT).astype(np.int32)


@functools.cache
def table_scales() -> tuple[np.ndarray, np.ndarray]:
    """Scale index and offset in quarters of every table, two (73,) int arrays."""
    index = np.concatenate([np.repeat(np.arange(N_FINE), 3), np.arange(N_FINE, N_SCALES)])
    offset = np.concatenate([np.tile(np.arange(3), N_FINE), np.zeros(N_SCALES - N_FINE, int)])
    return index, offset


@functools.cache
def radii() -> np.ndarray:
    """(73,) int32: table t has symbols -radius..radius and an escape."""
    index, _ = table_scales()
    return np.minimum(np.ceil(10 * scales()[index]) + 2, MAX_RADIUS).astype(np.int32)


def price(mean_head: np.ndarray, scale_head: np.ndarray, mean4: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Tables, whole means and signs for symbols, three int32 arrays of the heads' shape.

    mean_head, scale_head: int32, in 1/32; mean4: the linear prediction in quarter symbols.
    """
    index, factor = (part.take(scale_head + _HEADS_BELOW_ZERO, mode="clip") for part in _scale_of_head())
    quarters = np.clip(mean_head, -HEAD_LIMIT, HEAD_LIMIT)
    quarters *= factor
    quarters += 1 << (MEAN_SHIFT - 1)
    quarters >>= MEAN_SHIFT
    if mean4 is not None:
        quarters += mean4
    return from_quarters(index, quarters)


def from_quarters(index: np.ndarray, quarters: np.ndarray) -> tuple[np.ndarray, ...]:
    """Table, whole mean and sign of a scale index and a mean in quarter symbols."""
    key = (quarters & 3) + 4 * index
    table, sign = (part.take(key) for part in _table_of_key())
    return table, ((quarters + 2) >> 2).astype(np.int32, copy=False), sign


_HEADS_BELOW_ZERO = 128


@functools.cache
def _scale_of_head() -> tuple[np.ndarray, np.ndarray]:
    """Scale index and mean factor of the scale heads from -128 to 319, int32; beyond them nothing changes."""
    head = np.arange(-_HEADS_BELOW_ZERO, 320)
    index = np.clip((3 * head + SCALE_BIAS + 16) >> 5, 0, N_SCALES - 1)
    return index.astype(np.int32), mean_factors()[index]


@functools.cache
def _table_of_key() -> tuple[np.ndarray, np.ndarray]:
    """Table and sign, int32, of 4 * scale index + (mean in quarters) mod 4."""
    index, quarter = np.divmod(np.arange(4 * N_SCALES), 4)
    offset = np.array([0, 1, -2, -1])[quarter]  # from the nearest whole mean
    fine = index < N_FINE
    table = np.where(fine, 3 * index + np.abs(offset), index + 2 * N_FINE)
    return table.astype(np.int32), np.where(fine & (offset < 0), -1, 1).astype(np.int32)


def logistic_tables() -> list[np.ndarray]:
    """Integer frequencies of the 73 tables before they are fitted to counts: (2 radius + 2,) int64, sum 2**22."""
    index, offset = table_scales()
    tables = []
    for i, o, radius in zip(index, offset, radii(), strict=True):
        edges = (np.arange(-radius, radius + 2) - 0.5 - o / 4) / scales()[i]
        cdf = 1 / (1 + np.exp(-np.clip(edges, -500, 500)))
        mass = np.diff(cdf)
        tables.append(to_integers(np.append(mass, max(1 - mass.sum(), 0))))
    return tables


def to_integers(mass: np.ndarray) -> np.ndarray:
    """Masses to int64 frequencies >= 1 that sum to 2**22, by largest remainders."""
    total = 1 << TOTAL_BITS
    mass = np.maximum(mass, 0) / mass.sum()
    exact = mass * (total - len(mass))
    counts = np.floor(exact).astype(np.int64)
    left = total - len(mass) - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts + 1


def fit_tables(counts: list[np.ndarray], strength: float = 200.0) -> list[np.ndarray]:
    """Tables from how often each entry occurred, with the logistic ones as `strength` pseudo-counts."""
    fitted = []
    for seen, start in zip(counts, logistic_tables(), strict=True):
        fitted.append(to_integers(seen + strength * start / start.sum()))
    return fitted
