"""Read what the records of every paper's experiment say: their tables and where they come from, without training."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hvaecodec.bench.papers.circles import headlines as circles
from hvaecodec.bench.papers.circles.deltas import read_deltas
from hvaecodec.bench.papers.circles.experiment import fit_reductors
from hvaecodec.bench.papers.circles.tables import make_tables as circles_tables
from hvaecodec.bench.papers.dct_vae import headlines as dct_vae
from hvaecodec.bench.papers.dct_vae import kodak_tables
from hvaecodec.bench.papers.dct_vae.tables import make_tables as dct_vae_tables
from hvaecodec.bench.papers.hqa import faces, mnist
from hvaecodec.bench.papers.hqa import headlines as hqa
from hvaecodec.bench.papers.srvae.experiment import read_measurements
from hvaecodec.bench.papers.srvae.tables import make_tables as srvae_tables
from hvaecodec.bench.papers.ws_vdvae import headlines as ws_vdvae
from hvaecodec.bench.papers.ws_vdvae.tables import make_tables as ws_vdvae_tables
from hvaecodec.bench.show.tables import Table

Records = Sequence[Mapping[str, Any]]


@cache
def read_tables(experiment: str, records: Path) -> Sequence[Table]:
    """Return every table that the records of an experiment allow; none where there are no records.

    experiment: a name of `PAPERS`. records: the folder `records/`, or one that is laid out like it.
    """
    return _TABLES[experiment](records) if read_records(experiment, records) else []


def read_records(experiment: str, records: Path) -> Records:
    """Return the records of an experiment, one for each run, map or photo."""
    folder = records / experiment / "cpu"
    if experiment == "dct-vae-kodak":
        return list(dct_vae.read_kodak(records).values())
    if experiment == "latent-separation":
        return [*_runs(folder), *read_deltas(circles.open_store(records))]
    return _runs(folder)


def _runs(folder: Path) -> list[dict[str, Any]]:
    paths = sorted((folder / "runs").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _kodak(records: Path) -> Sequence[Table]:
    photos = dct_vae.read_kodak(records)
    listed = list(photos.values())
    return [*kodak_tables.make_tables(list(photos), listed), kodak_tables.means_table(listed)]


def _circles(records: Path) -> Sequence[Table]:
    store = circles.open_store(records)
    return circles_tables(store, None, fit_reductors(store, None, lambda system, part, words: None))


_TABLES: dict[str, Callable[[Path], Sequence[Table]]] = {
    "dct-vae": lambda records: dct_vae_tables(dct_vae.open_store(records)),
    "dct-vae-kodak": _kodak,
    "ws-vdvae": lambda records: ws_vdvae_tables(ws_vdvae.open_store(records)),
    "srvae": lambda records: srvae_tables(read_measurements(records / "srvae" / "cpu")),
    "hqa-mnist": lambda records: mnist.make_tables(hqa.read_digits(records)),
    "hqa-faces": lambda records: faces.make_tables(hqa.read_faces(records)),
    "latent-separation": _circles,
}


def runs_of_each(records: Iterable[Mapping[str, Any]]) -> str:
    """Say how many runs the systems of some records have, such as `1 to 3 runs of each system`."""
    counts: dict[str, set[int]] = {}
    for record in records:
        if "system" in record:
            counts.setdefault(record["system"], set()).add(record["seed"])
    numbers = sorted({len(seeds) for seeds in counts.values()})
    if not numbers:
        return ""
    between = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"{between} run{'s' * (numbers[-1] > 1)} of each system"
