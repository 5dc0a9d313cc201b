"""Run `hvaecodec paper latent-separation`: VAEs that find circles and tori, and Δ-reductors between them.

Pérez Rey, "Latent variable separation with variational autoencoders" (2018): tables 5.1, 7.1, 9.2 and 11.1. Its data
are made here, so no data pack is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.circles import plots
from hvaecodec.bench.papers.circles.deltas import PAIRS, Delta, measure_deltas, reductor_panels, settings_of
from hvaecodec.bench.papers.circles.plans import CIRCLES, PLANS, SHIFTS, TORI
from hvaecodec.bench.papers.circles.runs import Store
from hvaecodec.bench.papers.circles.tables import make_tables
from hvaecodec.bench.papers.records import RECORDED
from hvaecodec.bench.show.tables import Table, to_markdown


def run_experiment(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """Train, measure and judge as `Experiment` says; reductors are fitted where both ends are trained.

    `only` takes R2, S1, R4, T2, R2-shifts and S1-shifts, or RECORDED.
    """
    if settings.preset not in PLANS:
        raise ValueError(f"no preset {settings.preset!r}; known are {', '.join(PLANS)}")
    store = Store(settings.out / settings.preset, PLANS[settings.preset])
    systems = (*CIRCLES, *TORI, *SHIFTS)
    chosen = () if settings.only == (RECORDED,) else settings.only or systems
    if unknown := set(chosen) - set(systems):
        raise ValueError(f"no system {', '.join(sorted(unknown))}; known are {', '.join(systems)}")
    for name in chosen:
        store.fill(name, settings.seeds, partial(report, name))
    deltas = fit_reductors(store, settings.seeds, report)
    tables = make_tables(store, settings.seeds, deltas)
    _draw_figures(store, settings.seeds, deltas)
    store.folder.mkdir(parents=True, exist_ok=True)
    (store.folder / "tables.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def fit_reductors(store: Store, seeds: int | None, report: Report) -> list[Delta]:
    """Return Δ of every pair of models that is trained or recorded, from its record or fitted now."""
    deltas: list[Delta] = []
    for pair in PAIRS:
        for at in settings_of(pair):
            deltas += measure_deltas(store, pair, at, seeds, report)
    return deltas


def _draw_figures(store: Store, seeds: int | None, deltas: Sequence[Delta]) -> None:
    """Draw the first repetition of every system that is trained."""
    for name in (*CIRCLES, *SHIFTS, *TORI):
        if all(store.has_weights(name, copy) for copy in store.copies(name, seeds)):
            draw = plots.draw_torus if name in TORI else plots.draw_latents
            draw(store, name, store.folder / f"latents-{name}.png")
    if panels := reductor_panels(store, deltas):
        plots.draw_maps(panels, store.folder / "reductors.png")
