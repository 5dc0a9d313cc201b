"""What commands that train share: memory settings for it, and a bar for every stage."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# glibc hands freed pages back to the system and faults them in again at every step, a third of the time of training
# on CPUs; kept pages cost memory that training has.
_KEEP_PAGES = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}


def keep_pages() -> None:
    """Start this command again under another setting of glibc's allocator, which reads it only as a process starts."""
    if platform.libc_ver()[0] == "glibc" and not all(name in os.environ for name in _KEEP_PAGES):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], _KEEP_PAGES | os.environ)


@contextmanager
def stage_bars() -> Iterator[Callable[[str, float, str], None]]:
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
