"""What `encode` and `decode` do with a folder: words, a bar and a log around `hvaecodec.codec.folders`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from hvaecodec.cli.console import BAD_INPUT, INTERRUPTED, PIPE, say
from hvaecodec.cli.folder_progress import Progress
from hvaecodec.codec.errors import CodecError

if TYPE_CHECKING:
    from hvaecodec.cli.folder_log import FolderLog
    from hvaecodec.codec.folders.run import Outcome
    from hvaecodec.codec.folders.tree import Tree
    from hvaecodec.codec.folders.work import Work

_GO_ON = "; the same command goes on from there"

Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="For a folder: convert N files at once, each on one thread; 1 if not given."),
]
Log = Annotated[
    str | None, typer.Option(metavar="FILE", help="For a folder: append one line of JSON for each file to FILE.")
]


@dataclass(frozen=True)
class FolderOptions:
    """How a folder is to be converted: the options that have nothing to do with the codec."""

    out: str | None
    jobs: int | None
    log: str | None
    force: bool
    debug: bool


def refuse_folder_options(source: str, jobs: int | None, log: str | None) -> None:
    """Raise ValueError if an option that only a folder has is given for a file."""
    for name, value in (("--jobs", jobs), ("--log", log)):
        if value is not None:
            raise ValueError(f"{name} is for folders, and {source} is none")


def convert_folder(source: str, work: Work, options: FolderOptions) -> None:
    """Convert the files of a folder and tell how it went. Exits 1 if a file failed, 130 after Ctrl-C.

    Raises ValueError for wrong options, CodecError if nothing can be done at all.
    """
    from hvaecodec.codec.folders.tree import check_out, read_tree

    out = source if options.out is None else options.out
    if PIPE in (out, options.log):
        raise ValueError("what a folder becomes, and its log, go into files, not to stdout")
    work.check()
    tree = read_tree(source, out, work.suffixes, work.new_suffix)
    if not tree.jobs and not tree.unreadable:
        raise CodecError(f"nothing to {_verb(work)} in {source}{_besides(tree)}")
    check_out(out)
    with _log(options.log) as log:
        _Run(tree, work, options, log).convert()


def _verb(work: Work) -> str:
    return "encode" if work.new_suffix == ".hvc" else "decode"


def _besides(tree: Tree) -> str:
    alone = tree.left_alone()
    return f"; left alone: {alone}" if alone else ""


@contextmanager
def _log(path: str | None) -> Iterator[FolderLog | None]:
    if path is None:
        yield None
        return
    from hvaecodec.cli.folder_log import FolderLog

    with FolderLog(path) as log:
        yield log


class _Run:
    """One run over a folder: counts, says and logs what comes of each file."""

    def __init__(self, tree: Tree, work: Work, options: FolderOptions, log: FolderLog | None) -> None:
        self.tree, self.work, self.options, self.log = tree, work, options, log
        self.counts: Counter[str] = Counter()
        self.progress = Progress(_verb(work), len(tree.jobs))

    def convert(self) -> None:
        """Convert all files. Raises typer.Exit if any failed, the disk is full or somebody pressed Ctrl-C."""
        from hvaecodec.codec.folders.run import FullDisk, convert_tree

        for problem in self.tree.unreadable:
            say(f"error: {problem}")
        n_workers, force = self.options.jobs or 1, self.options.force
        try:
            with self.progress.shown():
                convert_tree(self.tree, self.work, self.report, n_workers=n_workers, force=force)
        except KeyboardInterrupt:
            say(f"interrupted: {self._sum()}{_GO_ON}")
            raise typer.Exit(INTERRUPTED) from None
        except FullDisk as full:
            self.counts["failed"] += 1
            say(f"error: {full}; {self._sum()}{_GO_ON}")
            with suppress(CodecError):  # the log may lie on the same disk
                self._record(full.outcome)
            raise typer.Exit(BAD_INPUT) from full
        say(f"{self._sum()}{_besides(self.tree)}")
        if self.counts["failed"] or self.tree.unreadable:
            raise typer.Exit(BAD_INPUT)

    def report(self, outcome: Outcome) -> None:
        """Count what came of a file, say it and log it."""
        self.counts[outcome.status] += 1
        for note in outcome.notes:
            kind, _, words = note.partition(": ")
            say(f"{kind}: {outcome.job.source}: {words}")
        if outcome.status == "failed":
            say(f"error: {outcome.message}")
        if self.options.debug and outcome.trace:
            print(outcome.trace, end="", file=sys.stderr)
        self._record(outcome)
        self.progress.advance(outcome)

    def _record(self, outcome: Outcome) -> None:
        if self.log is not None:
            self.log.write(outcome)

    def _sum(self) -> str:
        """Return how many files are done, failed, kept and not tried, in words."""
        counts, untried = self.counts, len(self.tree.jobs) - self.counts.total()
        parts = {
            f"{counts['failed']} failed": counts["failed"],
            f"{counts['kept']} kept as they were": counts["kept"],
            f"{untried} not tried": untried,
        }
        first = f"{counts['done']} of {len(self.tree.jobs)} files done"
        return ", ".join([first, *(words for words, count in parts.items() if count)])
