"""A folder converted: finished files kept, the others handed to workers, and what comes back written, one by one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Literal

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import check_target, make_folder, write_atomically
from hvaecodec.codec.folders.tree import Job, Tree
from hvaecodec.codec.folders.work import Work
from hvaecodec.codec.folders.workers import Reply, convert_all, undisturbed

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}  # what ends the run, since every other file would meet it too


@dataclass(frozen=True)
class Outcome:
    """What came of one job: `done`, `kept` (it was there before) or `failed`, with the reason as its message.

    n_bytes: the size of the target, None if it failed. seconds: what reading and converting took. message: of a file
    that is done, what is in it. notes: sentences about the conversion, each after "note: " or "warning: ". trace: the
    traceback of a failure.
    """

    job: Job
    status: Literal["done", "kept", "failed"]
    n_bytes: int | None = None
    seconds: float = 0.0
    message: str = ""
    notes: tuple[str, ...] = ()
    trace: str = ""


class FullDisk(CodecError):
    """There is no room for another file; the outcome is that of the file for which there was none."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


def convert_tree(
    tree: Tree, work: Work, report: Callable[[Outcome], None], *, n_workers: int = 1, force: bool = False
) -> None:
    """Convert the jobs of a tree and report each outcome once its file is written; with `force` also those kept.

    report: called with Ctrl-C held back, so that what it counts is what is written. KeyboardInterrupt goes through.
    Raises FullDisk if the disk is full, CodecError if the work cannot be done at all; what is written stays.
    """
    todo = []
    for job in tree.jobs:
        outcome = _without_work(job, force)
        if outcome is None:
            todo.append(job)
        else:
            with undisturbed():
                report(outcome)
    with closing(convert_all(work, todo, min(n_workers, len(todo)))) as replies:
        for job, reply in replies:
            with undisturbed():
                report(outcome_of(job, reply, partial(_write, job.target, force=force)))


def _without_work(job: Job, force: bool) -> Outcome | None:
    """Return the outcome of a job whose target is finished or, as far as that shows now, cannot be written."""
    source, target = job.source, job.target
    try:
        if os.path.exists(target) and os.path.exists(source) and os.path.samefile(source, target):
            return Outcome(job, "failed", message=f"{source}: input and output are the same file, {target}")
        if not force and os.path.isfile(target):
            return Outcome(job, "kept", os.path.getsize(target))
        if os.path.isdir(os.path.dirname(target) or "."):
            check_target(target, force)
    except (CodecError, OSError) as cause:
        return Outcome(job, "failed", message=str(cause))
    return None


def outcome_of(job: Job, reply: Reply, write: Callable[[bytes], None]) -> Outcome:
    """Have what a worker made of a job's source written, and return the outcome. Raises FullDisk.

    write: raises CodecError if the target cannot be written.
    """
    if reply.converted is None:
        problem = reply.problem if job.source in reply.problem else f"{job.source}: {reply.problem}"
        return Outcome(job, "failed", None, reply.seconds, problem, trace=reply.trace)
    converted = reply.converted
    try:
        write(converted.data)
    except CodecError as cause:
        outcome = Outcome(job, "failed", None, reply.seconds, str(cause))
        if isinstance(cause.__cause__, OSError) and cause.__cause__.errno in _NO_ROOM:
            raise FullDisk(outcome) from cause
        return outcome
    return Outcome(job, "done", len(converted.data), reply.seconds, converted.summary, converted.notes)


def _write(target: str, data: bytes, force: bool) -> None:
    make_folder(os.path.dirname(target))
    write_atomically(target, data, force)
