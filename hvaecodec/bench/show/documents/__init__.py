"""Makes the figures and tables of README.md and docs/ from scratch: `python -m hvaecodec.bench.show.documents`.

`document_runs` lists the calls of `hvaecodec bench` and what the documents show of each. In a document that is what
stands between `<!-- kodak.summary -->` and `<!-- /kodak.summary -->`; the text around is written by hand. A run's
records stay on disk and are reused, so an interrupted call goes on where it was.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Execute = Callable[[list[str]], None]  # runs `hvaecodec` with these words
_LINE = 116
_USUAL = ("psnr", "ms-ssim")  # what the command measures if nothing is said


@dataclass(frozen=True)
class DocumentRun:
    """A call of `hvaecodec bench` for the documents; the fields after `minutes` are the command's options.

    name: its records lie in `runs/<name>`. minutes: about how many it takes on two idle cores.
    """

    name: str
    minutes: int
    codecs: tuple[str, ...]
    baselines: tuple[str, ...] = ()
    quality: tuple[float, ...] = ()
    effort: int | None = None
    metrics: tuple[str, ...] = _USUAL
    published: tuple[str, ...] = ()
    dataset: str = "kodak"
    limit: int | None = None
    threads: int = 2

    def words(self, out: str) -> list[str]:
        """Return the words that follow `hvaecodec`, for results in the folder `out`."""
        return [word for option in self._options(out) for word in option]

    def shell(self) -> str:
        """Return the command as the documents show it, in lines that fit."""
        lines = ["hvaecodec"]
        for option in self._options(f"runs/{self.name}"):
            text = shlex.join(option)
            if len(lines[-1]) + 1 + len(text) > _LINE:
                lines.append(f"    {text}")
            else:
                lines[-1] += f" {text}"
        return " \\\n".join(lines)

    def _options(self, out: str) -> list[tuple[str, ...]]:
        options: list[tuple[str, ...]] = [("bench", self.dataset)]
        options += [("--codec", codec) for codec in self.codecs]
        options += [("--quality", ",".join(f"{quality:g}" for quality in self.quality))] if self.quality else []
        options += [("--effort", str(self.effort))] if self.effort is not None else []
        options += [("--baseline", baseline) for baseline in self.baselines]
        options += [("--metric", metric) for metric in self.metrics if self.metrics != _USUAL]
        options += [("--published", ",".join(self.published))] if self.published else []
        options += [("--limit", str(self.limit))] if self.limit is not None else []
        return [*options, ("--threads", str(self.threads)), ("--out", out)]


@dataclass(frozen=True)
class FinishedRun:
    """A run with its records and scores of whole sets, in their order; its plots are in the folder."""

    run: DocumentRun
    folder: Path
    records: list[Record]
    sets: list[Record]


@dataclass(frozen=True)
class Block:
    """What the documents show of a run between two markers.

    run: its name. text: makes the Markdown. plots: files of the run's folder, each with the name of its copy in
    `docs/`; the text says `docs/` before such a name, which is left out in a document that lies there itself.
    draw: makes a plot that `hvaecodec bench` does not.
    """

    run: str
    text: Callable[[FinishedRun], str]
    plots: Mapping[str, str] = field(default_factory=dict)
    draw: Callable[[FinishedRun], None] | None = None


def execute_in_process(words: list[str]) -> None:
    """Run `hvaecodec` in a process of its own, so that the memory of one run is not counted in the next."""
    subprocess.run([sys.executable, "-m", "hvaecodec", *words], check=True, stdout=subprocess.DEVNULL)


def finish_run(
    run: DocumentRun, folder: Path, data: str | None = None, execute: Execute = execute_in_process
) -> FinishedRun:
    """Measure what of the run is not in `folder` yet, and return it with its records.

    The run that is returned has the metrics that could be had on this machine.

    data: where the pictures lie. execute: runs the command.
    """
    from hvaecodec import bench
    from hvaecodec.bench.measure import record_files

    execute(run.words(str(folder)) + (["--data", data] if data is not None else []))
    run = replace(run, metrics=_measured(run.metrics, record_files.read_records(folder / record_files.FILE)))
    records = bench.run(
        run.dataset,
        [*run.codecs, *run.baselines],
        quality=run.quality or None,
        effort=run.effort,
        metrics=run.metrics,
        data=data,
        limit=run.limit,
        threads=run.threads,
        out=folder,
    )
    scores = folder / "sets.json"
    return FinishedRun(
        replace(run, metrics=_measured(run.metrics, records)),
        folder,
        records,
        json.loads(scores.read_text(encoding="utf-8")) if scores.exists() else [],
    )


def _measured(metrics: Sequence[str], records: Iterable[Record]) -> tuple[str, ...]:
    """Those of some metrics that records have; one whose weights a machine lacks was left out there."""
    from hvaecodec.bench.metrics import image_metrics, set_metrics

    keys = {key for record in records for key in record}
    return tuple(name for name in metrics if name in set_metrics.SET_METRICS or image_metrics.get(name).key in keys)


def block_texts(
    blocks: Mapping[str, Block], runs: Iterable[DocumentRun], finished: Mapping[str, FinishedRun]
) -> dict[str, str]:
    """Return the text of every block that can be made: the runs' commands, and what is shown of finished runs."""
    texts = {f"{run.name}.command": f"```shell\n{run.shell()}\n```" for run in runs}
    return texts | {name: block.text(finished[block.run]) for name, block in blocks.items() if block.run in finished}


def copy_plots(blocks: Iterable[Block], finished: Mapping[str, FinishedRun], docs: Path) -> list[Path]:
    """Copy the plots that blocks show into the folder `docs`, drawing them first if need be, and return the copies."""
    copies = []
    for block in (block for block in blocks if block.run in finished):
        if block.draw is not None:
            block.draw(finished[block.run])
        for source, target in block.plots.items():
            copies.append(Path(shutil.copyfile(finished[block.run].folder / source, docs / target)))
    return copies


def documents(root: Path) -> Sequence[Path]:
    """Return the documents of a checkout: its README and the pages in `docs/`."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]
