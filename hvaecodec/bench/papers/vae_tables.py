"""Cells and tables that the papers of VAEs share: ours beside the printed, the budget beside every number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from hvaecodec.bench.papers.vae_measures.bounds import bits_per_dim
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.vdvae.config import VdvaeConfig
from hvaecodec.models.vdvae.net import Vdvae

BUDGET = ("parameters", "steps × batch", "minutes", "seeds")
DASH = "–"
WITHIN = "within error"

Row = tuple[str, ...]


def budget(records: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Cells under `BUDGET`; minutes are the mean of one run."""
    first = records[0]
    minutes = np.mean([r["seconds"] for r in records]) / 60
    return f"{first['parameters']:,}", f"{first['steps']} × {first['batch']}", f"{minutes:.1f}", str(len(records))


def part(records: Sequence[dict[str, Any]], key: str) -> float | None:
    """Mean over the seeds of a part of -ELBO, nats; None for a part that there is not."""
    return float(np.mean([r["elbo"][key][0] for r in records])) if key in records[0]["elbo"] else None


def elbo(records: Sequence[dict[str, Any]], bits: bool = False) -> float:
    """Mean -ELBO over the seeds, nats a picture or bits per dimension."""
    nats = part(records, "elbo")
    assert nats is not None
    return bits_per_dim(nats, records[0]["dims"]) if bits else nats


def elbo_cell(records: Sequence[dict[str, Any]], bits: bool = False) -> str:
    """With the deviation over seeds where there are several, else the standard error over pictures."""
    values = [r["elbo"]["elbo"][0] for r in records]
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else records[0]["elbo"]["elbo"][1]
    if bits:
        return f"{elbo(records, True):.4f} ± {bits_per_dim(spread, records[0]['dims']):.4f}"
    return f"{elbo(records):.2f} ± {spread:.2f}"


def difference(one: Sequence[dict[str, Any]], two: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """-ELBO of one minus that of two, nats, and its standard error: over seeds, where a single run is thought to vary
    like the several runs of the other; of two single runs over the pictures, which both saw."""
    values = [np.array([r["elbo"]["by_picture"] for r in records]) for records in (one, two)]
    gap = float(values[0].mean() - values[1].mean())
    variances = [v.mean(1).var(ddof=1) if len(v) > 1 else None for v in values]
    known = [v for v in variances if v is not None]
    if known:
        runs = zip(variances, values, strict=True)
        return gap, float(np.sqrt(sum((known[0] if var is None else var) / len(v) for var, v in runs)))
    apart = values[0].mean(0) - values[1].mean(0)
    return gap, float(apart.std(ddof=1) / np.sqrt(len(apart)))


def lower(words: str, one: Sequence[dict[str, Any]], two: Sequence[dict[str, Any]], margin: float = 0) -> Row:
    """A claim that one has a lower -ELBO than two, or at most `margin` nats more. Two standard errors decide."""
    if not (one and two):
        return claim(words, None, DASH)
    gap, error = difference(one, two)
    told = f"{elbo_cell(one)} against {elbo_cell(two)} nats, apart {gap:+.2f} ± {error:.2f}"
    return claim(words, gap < margin if abs(gap - margin) > 2 * error else WITHIN, told)


def at_equal_time(store: Store, names: Sequence[str]) -> list[str]:
    """Notes, one a data set: training -ELBO of every system when the fastest of them was done, nats, means over seeds."""
    notes = []
    for data in dict.fromkeys(name.partition("-")[0] for name in names):
        curves = {name: [r["curve"] for r in store.records(name)] for name in names if name.startswith(data)}
        curves = {name: found for name, found in curves.items() if found and all(found)}
        if len(curves) > 1:
            end = min(curve[-1][0] for found in curves.values() for curve in found)
            told = ", ".join(f"{name} {_read(found, end):.2f}" for name, found in curves.items())
            notes.append(
                f"At equal time, {end / 60:.0f} minutes, when the fastest of these was done and the learning rates of the "
                f"others had not fallen yet, training -ELBO in nats: {told}."
            )
    return notes


def _read(curves: Sequence[list[list[float]]], end: float) -> float:
    return float(np.mean([np.interp(end, *np.array(curve).T) for curve in curves]))


def parameters(config: VdvaeConfig) -> int:
    """Of a net, counted without making it."""
    with torch.device("meta"):
        return sum(p.numel() for p in Vdvae(config).parameters())


def claim(words: str, holds: bool | str | None, numbers: str) -> Row:
    """A row of the table of claims; None if what it needs was not run, or `WITHIN`."""
    return words, {True: "holds", False: "FAILS", None: "not run", WITHIN: WITHIN}[holds], numbers


def claims(title: str, rows: list[Row], notes: Sequence[str] = ()) -> Table:
    return Table(title, ("claim", "here", "numbers"), rows, list(notes))


def judged(rows: list[Row]) -> Table:
    """Claims of `lower` and their like."""
    note = (
        f"{WITHIN}: less than two standard errors apart, of seeds where one of the two has several, else of the same "
        "pictures, and these do not know how runs vary."
    )
    return claims("The paper's claims at equal budgets", rows, [note])


def fixed(value: float | None, digits: int = 2) -> str:
    return DASH if value is None else f"{value:.{digits}f}"
