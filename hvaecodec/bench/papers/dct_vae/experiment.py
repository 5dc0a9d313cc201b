"""Run `hvaecodec paper dct-vae`: a context on top of a very deep VAE, against a net without and one with a thumbnail.

Kuzina and Tomczak, arXiv:2302.09976: tables 1 to 4, figures 1, 3, 4 and 10, at reduced and equal budgets.
"""

from __future__ import annotations

from collections.abc import Sequence

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.dct_vae.plots import draw_figures
from hvaecodec.bench.papers.dct_vae.systems import GROUPS, SYSTEMS
from hvaecodec.bench.papers.dct_vae.tables import make_tables
from hvaecodec.bench.papers.vae_runs import Store
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
