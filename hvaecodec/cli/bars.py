"""Bars on stderr that show how far long work is; none where stderr is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hvaecodec.cli.console import say
from hvaecodec.cli.folder_progress import in_words
from hvaecodec.codec.files import printable

SAID_EVERY = 60.0  # seconds between two lines about work that goes on


@contextmanager
def moving_bar(words: str) -> Iterator[None]:
    """Show a moving bar while something runs of which nobody knows how long it takes."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(printable(words), total=None)
        yield


@contextmanager
def counting_bar() -> Iterator[Callable[[int, int, str], None] | None]:
    """Give a function of (done, total, what) that moves a bar, or None where no bar is shown."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.description}", markup=False)
    columns = words, BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("bench", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=printable(what))


@contextmanager
def rows_bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function of (rows done, all rows) that shows how far a picture is, with an estimate of the rest.

    On a terminal it moves a bar; elsewhere it says a line, at most one a minute.
    """
    start = said = time.monotonic()

    def left(done: int, total: int) -> str:
        return f"about {in_words((time.monotonic() - start) / done * (total - done))} left" if 0 < done < total else ""

    if not sys.stderr.isatty():

        def speak(done: int, total: int) -> None:
            nonlocal said
            if done < total and time.monotonic() - said >= SAID_EVERY:
                said = time.monotonic()
                say(f"{words}: {100 * done // total} %, {left(done, total)}")

        yield speak
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[left]}"))
    with Progress(next(columns), BarColumn(), TaskProgressColumn(), next(columns), console=Console(stderr=True)) as bar:
        task = bar.add_task(printable(words), total=None, left="")
        yield lambda done, total: bar.update(task, completed=done, total=total, left=left(done, total))


@contextmanager
def stage_bars() -> Iterator[Callable[[str, float, str], None]]:
    """Give a function of (stage, the part of it that is done in 0..1, words) that moves a bar for every stage.

    It shows nothing if stderr is no terminal or this process is not the first one under torchrun.
    """
    if not sys.stderr.isatty() or int(os.environ.get("RANK", 0)):
        yield lambda stage, part, words: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

    stage_name, progress_words = (
        TextColumn(text, markup=False) for text in ("{task.fields[stage]}", "{task.description}")
    )
    columns = stage_name, BarColumn(), TaskProgressColumn(), progress_words
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        rows: dict[str, TaskID] = {}

        def show(stage: str, part: float, words: str) -> None:
            if stage not in rows:
                rows[stage] = bar.add_task(words, total=1.0, stage=stage)
            bar.update(rows[stage], completed=part, description=words)

        yield show
