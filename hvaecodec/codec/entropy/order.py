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

    tables: the number of each symbol's table, 0..255, (N,) integers.
    """
    small = tables.astype(np.uint8)
    order = np.argsort(small, kind="stable")
    pieces = np.array_split(small, -(-len(small) // _AT_ONCE) or 1)
    ends = np.cumsum(np.sum([np.bincount(piece, minlength=256) for piece in pieces], axis=0)).tolist()
    starts = [0, *ends[:-1]]
    return order, [Run(t, a, b) for t, (a, b) in enumerate(zip(starts, ends, strict=True)) if b > a]
