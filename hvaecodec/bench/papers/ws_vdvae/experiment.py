"""Run `hvaecodec paper ws-vdvae`: weights shared over the depth of a VDVAE, and what its state tells.

Falck et al., "A multi-resolution framework for U-Nets with applications to hierarchical VAEs" (2023): figures 4 and 5,
tables 1 to 3, on MNIST at reduced and equal budgets.
"""

from __future__ import annotations

from collections.abc import Sequence

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.ws_vdvae.plots import draw_figures
from hvaecodec.bench.papers.ws_vdvae.systems import GROUPS, SYSTEMS
from hvaecodec.bench.papers.ws_vdvae.tables import make_tables
from hvaecodec.bench.show.tables import Table, to_markdown


def run_experiment(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """Train, measure and judge as `Experiment` says; `only` takes names of SYSTEMS and groups of GROUPS."""
    store = Store(settings, SYSTEMS)
    for name in store.choose(GROUPS):
        store.fill(name, report)
    tables = make_tables(store)
    draw_figures(store)
    (store.folder / "tables.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables
