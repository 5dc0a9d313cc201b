"""Run `hvaecodec paper srvae`: the super-resolution VAE against a single-level VAE, equal in parameters and steps.

Gatopoulos et al., arXiv:2006.05218, table 1 and figures 3, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.srvae.figures import draw_figures
from hvaecodec.bench.papers.srvae.measures import Measurement, measure_model
from hvaecodec.bench.papers.srvae.tables import make_tables
from hvaecodec.bench.show.tables import Table, to_markdown
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.run import Settings, train_recipe
from hvaecodec.training.small_images import cifar10
from hvaecodec.training.vae.srvae_run import load_trained_model

# system -> recipe. The paper's two, and both with a KL whose weight rises, without which z of the srVAE says nothing
SYSTEMS = {
    "vae": "srvae-cifar10-vae-plain",
    "srvae": "srvae-cifar10-plain",
    "vae-rising": "srvae-cifar10-vae",
    "srvae-rising": "srvae-cifar10",
}


def run_experiment(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """Train, measure and judge as `Experiment` says; `only` takes names of SYSTEMS."""
    if unknown := set(settings.only) - set(SYSTEMS):
        raise ValueError(f"no system {', '.join(sorted(unknown))}; known are {', '.join(SYSTEMS)}")
    images = cifar10(settings.data)
    systems: dict[str, list[Measurement]] = {}
    for name in settings.only or tuple(SYSTEMS):
        training = find_recipe(SYSTEMS[name], settings.preset)
        for seed in range(settings.seeds or 1):
            out = _folder(settings, name, seed)
            run = Settings(settings.data, out, seed, export=out / "weights", force=True)
            train_recipe(training, run, _report_as(name, report))
            model = load_trained_model(out, training.stages[0])
            report(name, 1, "measuring")
            systems.setdefault(name, []).append(measure_model(model, images, out, seed))
            draw_figures(model, images, out)
    tables = make_tables(systems)
    (settings.out / settings.preset / "tables.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def _report_as(name: str, report: Report) -> Report:
    return lambda stage, part, words: report(name, part, words)


def _folder(settings: PaperSettings, name: str, seed: int) -> Path:
    return settings.out / settings.preset / f"{name}-seed{seed}"
