"""How far a folder is, with an estimate of the rest: a bar on a terminal, otherwise a line for each finished file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hvaecodec.cli.console import say

if TYPE_CHECKING:
    from hvaecodec.codec.folders.run import Outcome


class Progress:
    """Shows on stderr how many of `total` files are finished. verb: what is done with them."""

    def __init__(self, verb: str, total: int) -> None:
        self.verb, self.total = verb, total
        self.finished = self.worked = 0
        self.start = time.monotonic()
        self._move_bar: Callable[[int, str], None] | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar, if stderr is a terminal, as long as the block runs."""
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(self.verb, total=self.total, left="")
            self._move_bar = lambda finished, left: bar.update(task, completed=finished, left=left)
            yield

    def advance(self, outcome: Outcome) -> None:
        """Count one more file; off a terminal say what it became, if it became anything."""
        self.finished += 1
        self.worked += outcome.status != "kept"
        left = self._left()
        if self._move_bar is not None:
            self._move_bar(self.finished, left)
        elif outcome.status == "done":
            place = f"{self.finished}/{self.total} {outcome.job.target}: {outcome.message}"
            say(f"{place}; {left}" if left else place)

    def _left(self) -> str:
        """Return in words how long the rest will take at the pace so far, nothing at the end or the beginning."""
        n_left = self.total - self.finished
        if not (n_left and self.worked):
            return ""
        return f"about {in_words((time.monotonic() - self.start) / self.worked * n_left)} left"


def in_words(seconds: float) -> str:
    """Return a time as "40 s", "12 min" or "3 h 20 min"."""
    if seconds < 100:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
