"""Make the tables of `hvaecodec paper latent-separation` from records: ours beside those of the thesis.

Pérez Rey (2018): tables 5.1, 7.1, 9.2 and 11.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hvaecodec.bench.papers.circles import printed
from hvaecodec.bench.papers.circles.claims import Record, below_bound, bound_note, correlation_note, order_note
from hvaecodec.bench.papers.circles.deltas import AS_VARIANCE, CIRCLE, TORUS, Delta
from hvaecodec.bench.papers.circles.plans import CIRCLES, SHIFTS, TORI
from hvaecodec.bench.papers.circles.runs import Store
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.circles.sines import exact_minus_log_p, shrinking, uneven
from hvaecodec.training.vae.circles_task import LatentTraining

_REPETITIONS = (
    "Ours is one fit for each of five pairs of models; the thesis fits the maps of one pair three times. The floor is "
    "the Δ that the misfit of both decoders makes if they miss the same points independently, "
    "(MSE1 + MSE2) / 2 sigma_X²."
)


def make_tables(store: Store, seeds: int | None, deltas: Sequence[Delta]) -> list[Table]:
    """Return every table that the records of a store and the Δ of reductors allow.

    seeds: repetitions of each system, None for as many as the plan has.
    """
    circles = {name: records_of(store, name, seeds) for name in CIRCLES}
    tori = {name: records_of(store, name, seeds) for name in TORI}
    shifts = {name: records_of(store, name, seeds) for name in SHIFTS}
    tables = []
    if circles["R2"]:
        title = "Gaussian VAE in R2 on sines, table 5.1"
        tables.append(_elbo_table(title, circles["R2"], printed.TABLE_5_1, printed.WRONG_5_1))
    if circles["S1"]:
        title = "Diffusion VAE on the circle, table 7.1"
        tables.append(_elbo_table(title, circles["S1"], printed.TABLE_7_1, _wrong_7_1()))
    if any(circles.values()):
        tables.append(_repetitions(circles))
    if any(tori.values()):
        tables.append(_other_table("Torus of 25 × 25 pictures (nothing printed)", tori, circles_of_data=2))
    if any(shifts.values()):
        tables.append(_other_table("64 shifts of a picture, figures 10.2 and 10.3 (nothing printed)", shifts))
    return tables + _delta_tables(deltas)


def records_of(store: Store, name: str, seeds: int | None) -> list[Record]:
    """Return the records of a system's copies that have one."""
    return [record for copy in store.copies(name, seeds) if (record := store.record(name, copy)) is not None]


def _elbo_table(
    title: str, records: Sequence[Record], printed: Mapping[tuple[float, float], tuple[float, ...]], note: str
) -> Table:
    """Return our means ± deviations over the repetitions beside the printed numbers."""
    rows = []
    for noise, sigma in printed:
        mine = [r for r in records if (r["noise"], r["sigma_x"]) == (noise, sigma)]
        if mine:
            cells = [_spread(mine, key) for key in ("neg_elbo", "kl", "reconstruction", "mse", "correlation")]
            theirs = [f"{value:.4g}" for value in printed[noise, sigma]]
            rows.append((f"{noise:g}", f"{sigma:g}", *cells, f"{exact_minus_log_p(sigma):.2f}", *theirs))
    ours = ("-ELBO", "KL", "recon.", "MSE", "correlation")
    header = ("noise", "sigma_X", *ours, "exact -log p", *(f"printed {name}" for name in ours[:4]))
    return Table(title, header, rows, [bound_note(records), note])


def _repetitions(systems: Mapping[str, Sequence[Record]]) -> Table:
    """Return every repetition's -ELBO and correlation."""
    rows: list[tuple[str, ...]] = []
    for name, records in systems.items():
        for noise, sigma in dict.fromkeys((r["noise"], r["sigma_x"]) for r in records):
            mine = [r for r in records if (r["noise"], r["sigma_x"]) == (noise, sigma)]
            elbo = ", ".join(f"{r['neg_elbo']:.2f}" for r in mine)
            rows.append((name, f"{noise:g}", f"{sigma:g}", elbo, ", ".join(f"{r['correlation']:.4f}" for r in mine)))
    return Table("All repetitions", ("system", "noise", "sigma_X", "-ELBO", "correlation"), rows)


def _other_table(title: str, systems: Mapping[str, Sequence[Record]], circles_of_data: int = 0) -> Table:
    """Return a row for each run; circles_of_data: 0 if the exact -log p is not known."""
    rows = []
    for name, records in systems.items():
        for r in records:
            exact = f"{exact_minus_log_p(r['sigma_x'], circles_of_data):.2f}" if circles_of_data else "–"
            agreement = "–" if r["correlation"] is None else f"{r['correlation']:.4f}"
            terms = (f"{r[key]:.2f}" for key in ("neg_elbo", "kl", "reconstruction"))
            rows.append((name, f"{r['sigma_x']:g}", str(r["seed"]), *terms, f"{r['mse']:.4g}", agreement, exact))
    header = ("system", "sigma_X", "seed", "-ELBO", "KL", "recon.", "MSE", "correlation", "exact -log p")
    everything = [r for records in systems.values() for r in records]
    notes = [correlation_note(everything)]
    if circles_of_data:
        below = below_bound(everything, circles_of_data)
        notes.insert(
            0, f"{len(below) or 'None'} of the {len(everything)} runs have a lower -ELBO than a bound can have."
        )
    return Table(title, header, rows, notes)


def _delta_tables(deltas: Sequence[Delta]) -> list[Table]:
    circle, variance, torus = ([d for d in deltas if d.at == at] for at in (CIRCLE, AS_VARIANCE, TORUS))
    tables = []
    if circle:
        notes = [
            order_note(circle),
            _uneven_note(CIRCLE[1]),
            printed.WRONG_9_2.format(data=25, half=12.5),
            _REPETITIONS,
        ]
        title = "Δ of reductors in nats, table 9.2 (noise 0.1, sigma_X 0.01)"
        tables.append(_delta_table(title, circle, printed.TABLE_9_2, notes))
    if variance:
        notes = [order_note(variance), _uneven_note(AS_VARIANCE[1]), printed.VARIANCE_9_2]
        title = "The same where 0.01 is the variance, sigma_X 0.1"
        tables.append(_delta_table(title, variance, printed.TABLE_9_2, notes))
    if torus:
        title = "Δ of reductors in nats, table 11.1 (torus, sigma_X 0.1)"
        notes = [printed.WRONG_11_1, _REPETITIONS]
        tables.append(_delta_table(title, torus, printed.TABLE_11_1, notes))
    return tables


def _delta_table(
    title: str, deltas: Sequence[Delta], printed: Mapping[tuple[str, str], tuple[float, float]], notes: list[str]
) -> Table:
    rows: list[tuple[str, ...]] = []
    for d in deltas:
        theirs = "{:.2f} ± {:.2f}".format(*printed[d.pair]) if d.pair in printed else "–"
        each = ", ".join(f"{value:.4g}" for value in d.deltas)
        ours, floor = (f"{np.mean(v):.2f} ± {np.std(v):.2f}" for v in (d.deltas, d.floors))
        rows.append((f"{d.pair[0]} → {d.pair[1]}", each, ours, floor, theirs))
    return Table(title, ("Z1 → Z2", "ours, each repetition", "ours", "floor", "printed"), rows, notes)


def _uneven_note(sigma: float) -> str:
    """Say what the phases of a data set, drawn at random, make of Δ between S1 and Φ by themselves."""
    return (
        f"The {LatentTraining.samples:,} phases of a data set are drawn at random, and so they are not quite even. On "
        "a circle that spreads them evenly, as the prior wants it, that alone makes "
        f"Δ(S1 → Phi) = {uneven(sigma, LatentTraining.samples):.2f} on average."
    )


def _wrong_7_1() -> str:
    sigmas = (0.01, 0.1, 1.0)
    exact = ", ".join(f"{exact_minus_log_p(sigma):.2f}" for sigma in sigmas)
    return printed.WRONG_7_1.format(
        exact=f"{exact} for sigma_X = 0.01, 0.1, 1", shrinking=max(shrinking(s) for s in sigmas)
    )


def _spread(records: Sequence[Record], key: str) -> str:
    values = np.array([record[key] for record in records])
    return f"{values.mean():.4g} ± {values.std():.2g}"
