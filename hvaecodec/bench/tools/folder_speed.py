"""Compares how fast one and several workers convert a folder: `python -m hvaecodec.bench.tools.folder_speed`.

The commands themselves are timed, with all that they take to start, over copies of the pictures of a data set; one and
several workers take turns, so that a busy machine slows both, and the fastest run of each counts. `--write
docs/cluster.md` puts the table into that page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.measure.machine import processor
from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command, pages


def by_workers(folder: Path, jobs: list[int], *, effort: int = 1, rounds: int = 2) -> Table:
    """Return a table of pictures a second for each number of workers, and how many times the first one's that is.

    folder: holds the pictures in `pictures`; files and decoded pictures are written beside, and replaced.
    """
    commands = {
        "encode": ("encode", "pictures", "--out", "files", "--effort", str(effort)),
        "decode": ("decode", "files", "--out", "decoded"),
    }
    n_pictures = sum(path.is_file() for path in (folder / "pictures").rglob("*"))
    rows: list[tuple[str, ...]] = []
    for name, words in commands.items():
        seconds: dict[int, list[float]] = {n: [] for n in jobs}
        for _ in range(rounds):
            for n in jobs:
                seconds[n].append(_time(folder, *words, "--jobs", str(n), "--force"))
        paces = [n_pictures / min(seconds[n]) for n in jobs]
        rows += [
            (f"{name}, {n} at once", f"{pace:.3f}", f"{pace / paces[0]:.2f}", f"{1e6 / pace / 3600:.0f}")
            for n, pace in zip(jobs, paces, strict=True)
        ]
    notes = [
        f"{n_pictures} pictures, effort {effort}, the fastest of {rounds} runs, starting included.",
        f"One thread a worker; processor: {processor()}, {os.cpu_count()} cores.",
    ]
    header = ("", "pictures a second", f"times that of {jobs[0]}", "hours for a million")
    return Table("Folders", header, rows, notes)


def _time(folder: Path, *words: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hvaecodec", *words], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main(
    *,
    dataset: str = "photos",
    data: Path | None = None,
    copies: int = 8,
    jobs: str = "1,2",
    rounds: int = 2,
    write: pages.Page = None,
) -> None:
    """Measure how the pace of a folder grows with the number of workers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        for image in load_dataset(dataset, data):
            picture = Image.fromarray(image.pixels())
            for copy in range(copies):
                picture.save(folder / "pictures" / f"{image.name}-{copy}.png")
        table = by_workers(folder, [int(n) for n in jobs.split(",")], rounds=rounds)
    pages.show("folder_speed", table.markdown(), write)


if __name__ == "__main__":
    command.run(main)
