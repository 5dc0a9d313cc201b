"""State the claim of the thesis that docs/PAPERS.md shows, with the comparisons that decide it.

Pérez Rey (2018). All are made at noise 0.1, that of its table 9.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hvaecodec.bench.papers.circles.claims import Record
from hvaecodec.bench.papers.circles.deltas import CIRCLE, read_deltas
from hvaecodec.bench.papers.circles.plans import PLANS
from hvaecodec.bench.papers.circles.runs import Store
from hvaecodec.bench.papers.circles.tables import records_of
from hvaecodec.bench.papers.claim_list import Claim
from hvaecodec.bench.papers.judges import Gap, judge_at_least, judge_lower
from hvaecodec.bench.papers.vae_tables import Row, claim_row

_NOISE = CIRCLE[0]
_AGREES = 0.99  # of |circular correlation|


def open_store(records: Path) -> Store:
    """Return the runs of `hvaecodec paper latent-separation` that a folder of records holds."""
    return Store(records / "latent-separation" / "cpu", PLANS["cpu"])


def _compare(records: Path) -> list[Row]:
    store = open_store(records)
    plane, circle = ([r for r in records_of(store, name, None) if r["noise"] == _NOISE] for name in ("R2", "S1"))
    if not (plane and circle):
        return []
    rows = [_elbo(plane, circle, sigma) for sigma in sorted({r["sigma_x"] for r in circle})]
    worst = min(r["correlation"] for r in circle)
    verdict = judge_at_least(worst, _AGREES)
    words = f"every run on the circle finds the phase (correlation at least {_AGREES:g})"
    return [*rows, claim_row(words, verdict, f"least {worst:.4f}"), *_deltas(store)]


def _elbo(plane: Sequence[Record], circle: Sequence[Record], sigma: float) -> Row:
    sides = [[r["neg_elbo"] for r in runs if r["sigma_x"] == sigma] for runs in (circle, plane)]
    means = [_mean(values) for values in sides]
    gap = Gap.of_means(*means)
    numbers = " against ".join(f"{mean:.2f} ± {error:.2f}" for mean, error in means)
    words = f"−ELBO is lower on the circle than in the plane, σ_X {sigma:g}"
    return claim_row(words, judge_lower(gap), f"{numbers} nats, means and their standard errors")


def _deltas(store: Store) -> list[Row]:
    values = {tuple(r["pair"]): r["deltas"] for r in read_deltas(store) if tuple(r["at"]) == CIRCLE}
    there, back = values.get(("S1", "R2")), values.get(("R2", "S1"))
    if there is None or back is None:
        return []
    means = [_mean(values) for values in (there, back)]
    numbers = " against ".join(f"{mean:.4g} ± {error:.2g}" for mean, error in means)
    words = "Δ from the circle to the plane is below Δ back"
    return [claim_row(words, judge_lower(Gap.of_means(*means)), f"{numbers} nats")]


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return a mean with its standard error, which is nan for a single value."""
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
    return float(np.mean(values)), error


CLAIMS = (
    Claim(
        "A latent space of the data's own shape, a circle, finds the phase better than a plane.",
        "tables 5.1, 7.1 and 9.2",
        _compare,
    ),
)
