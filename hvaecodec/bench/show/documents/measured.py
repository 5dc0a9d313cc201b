"""Measures a run of the documents, or reads what its record in `records/` holds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hvaecodec.bench.show.documents.bench_records import read_record, record_path, write_record
from hvaecodec.bench.show.documents.runs import DocumentRun, Execute, FinishedRun, Record


def execute_in_process(words: list[str]) -> None:
    """Run `hvaecodec` in a process of its own, so that the memory of one run is not counted in the next."""
    subprocess.run([sys.executable, "-m", "hvaecodec", *words], check=True, stdout=subprocess.DEVNULL)


def load_run(run: DocumentRun, records: Path) -> FinishedRun | None:
    """Return a run as its record has it, None if there is no record of this very command.

    The run that is returned has the metrics that could be had where it was measured. records: the folder `records/`.
    """
    stored = read_record(record_path(records, run), run)
    if stored is None:
        return None
    metrics = _measured_metrics(run.metrics, stored[0])
    return FinishedRun(replace(run, metrics=metrics), record_path(records, run), *stored)


def measure_run(
    run: DocumentRun,
    records: Path,
    folder: Path,
    data: str | None = None,
    execute: Execute = execute_in_process,
) -> FinishedRun:
    """Measure what of the run is not in `folder` yet, write its record, and return it as the record has it.

    records: the folder `records/`. data: where the pictures lie. execute: runs the command. Raises CodecError if a
    picture fails.
    """
    from hvaecodec import bench
    from hvaecodec.bench.measure import record_files

    execute(run.words(str(folder)) + (["--data", data] if data is not None else []))
    at_hand = _measured_metrics(run.metrics, record_files.read_records(folder / record_files.FILE))
    measured = bench.run(
        run.dataset,
        [*run.codecs, *run.baselines],
        quality=run.quality or None,
        effort=run.effort,
        metrics=at_hand,
        data=data,
        limit=run.limit,
        threads=run.threads,
        out=folder,
    )
    scores = folder / "sets.json"
    sets = json.loads(scores.read_text(encoding="utf-8")) if scores.exists() else []
    write_record(record_path(records, run), run, measured, sets)
    finished = load_run(run, records)
    assert finished is not None
    return finished


def _measured_metrics(metrics: Sequence[str], records: Iterable[Record]) -> tuple[str, ...]:
    """Those of some metrics that records have; one whose weights a machine lacks was left out there."""
    from hvaecodec.bench.metrics import image_metrics, set_metrics

    keys = {key for record in records for key in record}
    return tuple(name for name in metrics if name in set_metrics.SET_METRICS or image_metrics.get(name).key in keys)
