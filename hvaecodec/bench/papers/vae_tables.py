"""Format cells, rows and notes of the VAE papers' tables: ours beside the printed number, the budget beside all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from hvaecodec.bench.papers.judges import Gap, Verdict, judge_lower
from hvaecodec.bench.papers.vae_measures.bounds import bits_per_dim
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.vdvae.config import VdvaeConfig
from hvaecodec.models.vdvae.net import Vdvae

BUDGET = ("parameters", "steps × batch", "minutes", "seeds")
DASH = "–"

Row = tuple[str, ...]
Records = Sequence[Mapping[str, Any]]  # of the seeds of one system


def budget_cells(records: Records) -> Row:
    """Return the cells under `BUDGET`; minutes are the mean of one run."""
    first = records[0]
    minutes = np.mean([record["seconds"] for record in records]) / 60
    return f"{first['parameters']:,}", f"{first['steps']} × {first['batch']}", f"{minutes:.1f}", str(len(records))


def mean_part(records: Records, key: str) -> float | None:
    """Return the mean over seeds of a part of -ELBO, nats a picture, or None if the system has no such part."""
    if key not in records[0]["elbo"]:
        return None
    return float(np.mean([record["elbo"][key][0] for record in records]))


def mean_elbo(records: Records, bits: bool = False) -> float:
    """Return the mean -ELBO over seeds, in nats a picture or, with `bits`, in bits per dimension."""
    nats = mean_part(records, "elbo")
    assert nats is not None
    return bits_per_dim(nats, records[0]["dims"]) if bits else nats


def elbo_cell(records: Records, bits: bool = False) -> str:
    """Format -ELBO ± its deviation over seeds or, of a single run, the standard error over pictures."""
    values = [record["elbo"]["elbo"][0] for record in records]
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else records[0]["elbo"]["elbo"][1]
    if bits:
        return f"{mean_elbo(records, True):.4f} ± {bits_per_dim(spread, records[0]['dims']):.4f}"
    return f"{mean_elbo(records):.2f} ± {spread:.2f}"


def elbo_gap(one: Records, two: Records) -> Gap | None:
    """Return the -ELBO of one system minus that of another, nats a picture, or None if either has no record."""
    if not (one and two):
        return None
    return Gap.of_runs(*(np.array([record["elbo"]["by_picture"] for record in side]) for side in (one, two)))


def elbo_claim(words: str, one: Records, two: Records, margin: float = 0) -> Row:
    """Judge the claim that one system has a lower -ELBO than another, or at most `margin` nats more."""
    gap = elbo_gap(one, two)
    if gap is None:
        return not_run(words)
    numbers = f"{elbo_cell(one)} against {elbo_cell(two)} nats, apart {gap.value:+.2f} ± {gap.error:.2f}"
    return claim_row(words, judge_lower(gap, margin), numbers)


def equal_time_notes(store: Store, names: Sequence[str]) -> list[str]:
    """Compare training -ELBO at the time when the fastest system was done: a note for each data set.

    Nats, means over seeds, interpolated between the lines of each run's log.
    """
    notes = []
    for data in dict.fromkeys(name.partition("-")[0] for name in names):
        of_name = {name: [r["curve"] for r in store.records(name)] for name in names if name.startswith(data)}
        of_name = {name: curves for name, curves in of_name.items() if curves and all(curves)}
        if len(of_name) > 1:
            end = min(curve[-1][0] for curves in of_name.values() for curve in curves)
            numbers = ", ".join(f"{name} {_mean_at(curves, end):.2f}" for name, curves in of_name.items())
            notes.append(
                f"After equal time, {end / 60:.0f} minutes, the fastest of these was done, and the learning rates of "
                f"the others had not fallen yet. Their -ELBO in training was then, in nats: {numbers}."
            )
    return notes


def _mean_at(curves: Sequence[list[list[float]]], seconds: float) -> float:
    return float(np.mean([np.interp(seconds, *np.array(curve).T) for curve in curves]))


def count_parameters(config: VdvaeConfig) -> int:
    """Count the parameters of a net without allocating it."""
    with torch.device("meta"):
        return sum(p.numel() for p in Vdvae(config).parameters())


def claim_row(words: str, verdict: Verdict, numbers: str) -> Row:
    """Return the row of a claim: its words, the verdict, and the numbers that led to it."""
    return words, verdict.value, numbers


def not_run(words: str) -> Row:
    """Return the row of a claim whose systems or measures are not there."""
    return claim_row(words, Verdict.NOT_RUN, DASH)


def claims_table(title: str, rows: list[Row], notes: Sequence[str] = ()) -> Table:
    """Return the table that holds rows of `claim_row`."""
    return Table(title, ("claim", "here", "numbers"), rows, list(notes))


def equal_budget_claims(rows: list[Row]) -> Table:
    """Return the table of claims that were judged at equal budgets, and say in a note what `within error` means."""
    note = (
        f"{Verdict.WITHIN.value}: the two are less than two standard errors apart, over seeds where one of them has "
        "several, else over the same pictures; an error over pictures says nothing of how runs vary."
    )
    return claims_table("The paper's claims at equal budgets", rows, [note])


def fixed(value: float | None, digits: int = 2) -> str:
    """Format a number with so many digits behind the point, and None as a dash."""
    return DASH if value is None else f"{value:.{digits}f}"
