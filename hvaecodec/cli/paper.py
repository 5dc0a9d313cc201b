"""`hvaecodec paper` repeats a paper's experiments and puts our numbers beside the printed ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hvaecodec.cli.bars import stage_bars
from hvaecodec.cli.console import Debug, errors, say
from hvaecodec.cli.long_work import keep_pages

EXAMPLES = """
hvaecodec paper hqa-mnist --data DATA
hvaecodec paper latent-separation --preset tiny --seeds 1 --only R2
"""


def paper(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The experiment, as in hqa-mnist; docs/PAPERS.md lists all.")
    ],
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the data; the one in HVAECODEC_DATA if not given. Some experiments need none."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for runs and figures; runs/paper-NAME if not given.")] = None,
    preset: Annotated[
        str, typer.Option(help="cpu: reduced sizes; gpu: more steps, larger networks; tiny: only to try.")
    ] = "cpu",
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of training runs of each system.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this system; may be repeated. recorded: train nothing, print what OUT holds."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads of this process.")] = None,
    debug: Debug = False,
) -> None:
    """Train and measure the systems of a paper, and print our numbers beside those of the paper.

    For some papers this takes hours on two cores. An interrupted run is continued, and what OUT already holds is not
    trained again. Several processes may share OUT, each with an --only of its own.
    """
    with errors(debug):
        from hvaecodec.bench.papers import PaperSettings, experiment

        run_experiment = experiment(name)
        keep_pages()
        folder = data or Path(os.environ.get("HVAECODEC_DATA", ""))  # an experiment that misses a pack there says so
        from hvaecodec.bench.measure.runner import torch_threads

        target = out or Path("runs") / f"paper-{name}"
        with torch_threads(threads), stage_bars() as report:
            tables = run_experiment(PaperSettings(folder, target, preset, seeds, tuple(only or ())), report)
        for table in tables:
            if sys.stdout.isatty():
                from rich.console import Console

                Console().print(table.rich())
            else:
                print(table.markdown())
        say(f"written: {target}")
