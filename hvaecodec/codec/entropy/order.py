"""The order in which an entropy coder takes symbols: all of one table after all of the one before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Run(NamedTuple):
    """Symbols that one table codes: positions start..stop, exclusive, of the order."""

    table: int
    start: int
    stop: int


def order_by_table(tables: np.ndarray) -> tuple[np.ndarray, list[Run]]:
    """Return a stable order of symbols by their table, and the runs of one table in that order.

    tables: the number of each symbol's table, 0..255, (N,) integers.
    """
    order = np.argsort(tables.astype(np.uint8), kind="stable")
    ends = np.cumsum(np.bincount(tables, minlength=1)).tolist()
    starts = [0, *ends[:-1]]
    return order, [Run(t, a, b) for t, (a, b) in enumerate(zip(starts, ends, strict=True)) if b > a]
