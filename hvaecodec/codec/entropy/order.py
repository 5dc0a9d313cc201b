"""The order in which an entropy coder takes symbols: all of one table after all of the one before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_AT_ONCE = 1 << 18  # symbols that are counted at once: counting takes eight bytes for each


class Run(NamedTuple):
    """Symbols that one table codes: positions start..stop, exclusive, of the order."""

    table: int
    start: int
    stop: int


def order_by_table(tables: np.ndarray) -> tuple[np.ndarray, list[Run]]:
    """Return a stable order of symbols by their table, and the runs of one table in that order.

    tables: the number of each symbol's table, (N,) integers, all between one multiple of 256 and the next.
    """
    order = np.argsort(tables.astype(np.uint8), kind="stable")
    counts = np.zeros(int(tables.max(initial=0)) + 1, np.int64)
    for first in range(0, len(tables), _AT_ONCE):
        counts += np.bincount(tables[first : first + _AT_ONCE], minlength=len(counts))
    ends = np.cumsum(counts).tolist()
    starts = [0, *ends[:-1]]
    return order, [Run(t, a, b) for t, (a, b) in enumerate(zip(starts, ends, strict=True)) if b > a]
