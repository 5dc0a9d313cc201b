"""`hvaecodec train`: make the weights of a codec."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, errors, say

# glibc hands freed pages back to the system and faults them in again at every step, a third of the time of training
# on CPUs; kept pages cost memory that training has.
_KEEP_PAGES = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="As in dct-vae-photo; docs/TRAINING.md lists all.")],
    data: Annotated[Path, typer.Option(help="Folder with the photo packs, or with pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs; a run that it holds is continued.")],
    preset: Annotated[
        str, typer.Option(help="cpu: hours on two cores; gpu: minutes on one large GPU; tiny: to try.")
    ] = "cpu",
    minutes: Annotated[float | None, typer.Option(help="Wall clock to train for, over all stages.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to train for instead, over all stages.")] = None,
    init: Annotated[Path | None, typer.Option(help="Weights to begin with: a file or a folder of them.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each process.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same run.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Folder for the weights and their card in the end.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace weights in the export folder.")] = False,
    debug: Debug = False,
) -> None:
    """Train the nets of a recipe, or go on where a run was interrupted, and export their weights.

    Several processes train one net under torchrun: torchrun --nproc-per-node 2 -m hvaecodec train RECIPE ...
    """
    with errors(debug):
        _keep_pages()
        import torch

        from hvaecodec.training.recipes import recipe as find
        from hvaecodec.training.run import Settings
        from hvaecodec.training.run import train as run

        found = find(recipe, preset, minutes, steps)
        if threads is not None:
            torch.set_num_threads(threads)
        with _bar() as report:
            written = run(found, Settings(data, out, seed, init, export, force), report)
        if int(os.environ.get("RANK", 0)) == 0:
            say(f"trained: {out}" + (f"; written: {', '.join(map(str, written))}" if written else ""))


def _keep_pages() -> None:
    """Start this command again under another setting of glibc's allocator, which reads it only as a process starts."""
    if platform.libc_ver()[0] == "glibc" and not all(name in os.environ for name in _KEEP_PAGES):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], _KEEP_PAGES | os.environ)


@contextmanager
def _bar() -> Iterator[Callable[[str, float, str], None]]:
    """A progress bar for every stage on stderr, none if that is not a terminal or we are not the first process."""
    if not sys.stderr.isatty() or int(os.environ.get("RANK", 0)):
        yield lambda stage, spent, words: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.fields[stage]}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}")
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        rows: dict[str, TaskID] = {}

        def report(stage: str, spent: float, words: str) -> None:
            if stage not in rows:
                rows[stage] = bar.add_task(words, total=1.0, stage=stage)
            bar.update(rows[stage], completed=spent, description=words)

        yield report
