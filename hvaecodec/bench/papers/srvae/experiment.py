"""Run `hvaecodec paper srvae`: the super-resolution VAE against a single-level VAE, equal in parameters and steps.

Gatopoulos et al., arXiv:2006.05218, table 1 and figures 3, 6 and 7. OUT/PRESET/train/SYSTEM-seedN holds checkpoints,
weights and figures, OUT/PRESET/runs/SYSTEM-seedN.json the measurements; both are reused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.records import RECORDED, origin, stamp
from hvaecodec.bench.papers.srvae.claims import Runs
from hvaecodec.bench.papers.srvae.figures import draw_figures
from hvaecodec.bench.papers.srvae.measures import Measurement, measure_model
from hvaecodec.bench.papers.srvae.tables import make_tables
from hvaecodec.bench.show.tables import Table, to_markdown
from hvaecodec.codec.files import write_atomically
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
    """Train, measure and judge as `Experiment` says; `only` takes names of SYSTEMS, or RECORDED."""
    chosen = () if settings.only == (RECORDED,) else settings.only or tuple(SYSTEMS)
    if unknown := set(chosen) - set(SYSTEMS):
        raise ValueError(f"no system {', '.join(sorted(unknown))}; known are {', '.join(SYSTEMS)}")
    for name in chosen:
        for seed in range(settings.seeds or 1):
            _fill(settings, name, seed, report)
    tables = make_tables(read_measurements(settings.out / settings.preset))
    (settings.out / settings.preset).mkdir(parents=True, exist_ok=True)
    (settings.out / settings.preset / "tables.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def read_records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the records of every system that has some, by seed. folder: OUT/PRESET."""
    systems = {}
    for name in SYSTEMS:
        paths = sorted((folder / "runs").glob(f"{name}-seed*.json"))
        if paths:
            systems[name] = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return systems


def read_measurements(folder: Path) -> dict[str, Runs]:
    """Return the measurements of every system that has records. folder: OUT/PRESET."""
    keys = [field.name for field in fields(Measurement)]
    return {
        name: [Measurement(**{key: record[key] for key in keys}) for record in records]
        for name, records in read_records(folder).items()
    }


def recipe_stamp(name: str, preset: str) -> int:
    """Return the stamp that a system's records must have: of the nets, their data and their budget."""
    return stamp(*find_recipe(SYSTEMS[name], preset).stages)


def _fill(settings: PaperSettings, name: str, seed: int, report: Report) -> None:
    """Train and measure a run, unless it has a record of the same recipe."""
    folder = settings.out / settings.preset
    path = folder / "runs" / f"{name}-seed{seed}.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if earlier.get("stages") == recipe_stamp(name, settings.preset):
        return
    out = folder / "train" / f"{name}-seed{seed}"
    training = find_recipe(SYSTEMS[name], settings.preset)
    run = Settings(settings.data, out, seed, export=out / "weights", force=True)
    train_recipe(training, run, _report_as(name, report))
    model, images = load_trained_model(out, training.stages[0]), cifar10(settings.data)
    report(name, 1, "measuring")
    record = {"system": name, "seed": seed, "stages": recipe_stamp(name, settings.preset), **origin()}
    record |= asdict(measure_model(model, images, out, seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode(), force=True)
    draw_figures(model, images, out)


def _report_as(name: str, report: Report) -> Report:
    return lambda stage, part, words: report(name, part, words)
