"""Cells and tables that the papers of VAEs share: ours beside the printed, the budget beside every number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.tables import Table
from hvaecodec.bench.vae_measures.bounds import bits_per_dim

BUDGET = ("parameters", "steps × batch", "minutes", "seeds")
DASH = "–"


def budget(records: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Cells under `BUDGET`; minutes are the mean of one run."""
    first = records[0]
    minutes = np.mean([r["seconds"] for r in records]) / 60
    return f"{first['parameters']:,}", f"{first['steps']} × {first['batch']}", f"{minutes:.1f}", str(len(records))


def elbo(records: Sequence[dict[str, Any]], bits: bool = False) -> float:
    """Mean -ELBO over the seeds, nats a picture or bits per dimension."""
    nats = float(np.mean([r["elbo"]["elbo"][0] for r in records]))
    return bits_per_dim(nats, records[0]["dims"]) if bits else nats


def elbo_cell(records: Sequence[dict[str, Any]], bits: bool = False) -> str:
    """With the deviation over seeds where there are several, else the standard error over pictures."""
    values = [r["elbo"]["elbo"][0] for r in records]
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else records[0]["elbo"]["elbo"][1]
    if bits:
        return f"{elbo(records, True):.4f} ± {bits_per_dim(spread, records[0]['dims']):.4f}"
    return f"{elbo(records):.2f} ± {spread:.2f}"


def at_equal_time(store: Store, names: Sequence[str]) -> dict[str, float]:
    """Training -ELBO of every system when the fastest of them was done, nats, mean over seeds."""
    curves = {name: [r["curve"] for r in store.records(name) if r["curve"]] for name in names}
    curves = {name: found for name, found in curves.items() if found}
    if not curves:
        return {}
    end = min(curve[-1][0] for found in curves.values() for curve in found)
    return {
        name: float(np.mean([np.interp(end, *np.array(curve).T) for curve in found])) for name, found in curves.items()
    }


def claim(words: str, holds: bool | None, numbers: str) -> tuple[str, ...]:
    """A row of the table of claims; None if what it needs was not run."""
    return words, {True: "holds", False: "FAILS", None: "not run"}[holds], numbers


def claims(title: str, rows: list[tuple[str, ...]], notes: Sequence[str] = ()) -> Table:
    return Table(title, ("claim", "here", "numbers"), rows, list(notes))


def fixed(value: float | None, digits: int = 2) -> str:
    return DASH if value is None else f"{value:.{digits}f}"
