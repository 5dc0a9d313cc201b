"""Converts folders of pictures on a Dask cluster, as `hvaecodec encode FOLDER` and `decode FOLDER` do on one machine.

Paths are whatever fsspec opens. Workers read, convert and write; only names and outcomes pass through the scheduler. If
a worker dies, Dask gives its inputs to another one. Every input is counted once: as done, kept or failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from distributed import Client, Future, as_completed
from distributed.scheduler import KilledWorker

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.folders.run import FullDisk, Outcome, outcome_of
from hvaecodec.codec.folders.tree import Job, Tree
from hvaecodec.codec.folders.work import Converted, DecodeWork, EncodeWork, Work
from hvaecodec.codec.folders.workers import reply_of
from hvaecodec.codec.settings import Decoding
from hvaecodec.integrations.storage import Storage

__all__ = ["DecodeWork", "Decoding", "EncodeWork", "Outcome", "Storage", "Summary", "convert"]

IN_FLIGHT = 4  # jobs for each thread of the cluster that the scheduler knows of; it need not know a million


_prepared: list[Work] = []  # in this process, a worker's


@dataclass
class Summary:
    """The outcome of all inputs.

    counts: how many are "done", "kept" and "failed". failures: a line for each that failed. n_bytes: the total size of
    all output files that exist. seconds: the sum of the workers' seconds.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    n_bytes: int = 0
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one input."""
        self.counts[outcome.status] += 1
        self.n_bytes += outcome.n_bytes or 0
        self.seconds += outcome.seconds
        if outcome.status == "failed":
            self.failures.append(outcome.message)

    def __str__(self) -> str:
        counts = ", ".join(f"{self.counts[status]} {status}" for status in ("done", "kept", "failed"))
        return "\n".join([f"{self.counts.total()} inputs: {counts}", *(f"failed: {words}" for words in self.failures)])


def convert(
    client: Client,
    work: Work,
    source: str | Sequence[str],
    out: str,
    *,
    force: bool = False,
    storage: Storage | None = None,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Convert a folder with everything below it, or a list of files, on the workers of a cluster; return a summary.

    work: an `EncodeWork` or a `DecodeWork`. source: a folder or a list of files. out: the output folder. All are paths
    or URLs that mean the same on every worker. force: replace output files that exist; otherwise they are kept.
    storage: options for fsspec. report: is called with each outcome as it comes.
    Raises ValueError for wrong settings, CodecError if nothing at all can be converted.
    """
    work.check()
    client.submit(prepare, work, pure=False).result()  # what no worker can load is said once, and not of every input
    storage = storage or Storage()
    tree = storage.plan(source, out, work.suffixes, work.new_suffix)
    if not tree.jobs and not tree.unreadable:
        raise CodecError(f"nothing to convert in {source}; left alone: {tree.left_alone() or 'nothing'}")
    summary = Summary()
    for problem in tree.unreadable:
        summary.add(Outcome(Job(problem, ""), "failed", message=problem))
    for outcome in _outcomes(client, partial(convert_one, work, storage, force), _kept(storage, tree, out, force)):
        summary.add(outcome)
        report(outcome)
    return summary


def convert_one(work: Work, storage: Storage, force: bool, job: Job) -> Outcome:
    """Convert one input on a worker and write what it becomes; nothing but the outcome goes through the scheduler."""
    reply = reply_of(lambda: _converted(work, storage, job))
    try:
        return outcome_of(job, reply, partial(storage.write, job.target, force=force))
    except FullDisk as full:  # of this worker; another one may have room
        return full.outcome


def prepare(work: Work) -> None:
    """Load what a piece of work needs, once for each worker. Raises CodecError."""
    if work not in _prepared:
        work.prepare()
        _prepared.append(work)


def _converted(work: Work, storage: Storage, job: Job) -> Converted:
    prepare(work)
    return work.convert_bytes(storage.read(job.source), job.source)


def _kept(storage: Storage, tree: Tree, out: str, force: bool) -> Iterator[Job | Outcome]:
    """Give every job, or its outcome where its target is there already."""
    out = storage.absolute(out)
    sizes = {} if force else storage.sizes_below(out)
    for job in tree.jobs:
        size = sizes.get(job.target[len(out) :].lstrip("/"))
        yield job if size is None else Outcome(job, "kept", size)


def _outcomes(
    client: Client, convert_job: Callable[[Job], Outcome], jobs: Iterator[Job | Outcome]
) -> Iterator[Outcome]:
    """Have the workers do all jobs, some of them at a time, and give each outcome once."""
    running: dict[Future, Job] = {}
    completed = as_completed()

    def submit(count: int) -> Iterator[Outcome]:
        """Submit so many more jobs, and give the outcomes on the way that need no work."""
        while count and (job := next(jobs, None)) is not None:
            if isinstance(job, Outcome):
                yield job
                continue
            future = client.submit(convert_job, job, pure=False)
            running[future] = job
            completed.add(future)
            count -= 1

    try:
        yield from submit(IN_FLIGHT * max(1, sum(client.nthreads().values())))
        for future in completed:
            job = running.pop(future)
            yield _outcome(future, job)
            future.release()
            yield from submit(1)
    finally:
        client.cancel(list(running))


def _outcome(future: Future, job: Job) -> Outcome:
    """Return the outcome of a job that has ended, whatever way."""
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    if isinstance(error, KilledWorker):
        words = f"{error.allowed_failures + 1} workers in a row died with it in hand, as happens when memory runs out"
    else:
        words = f"{type(error).__name__}: {error}"
    return Outcome(job, "failed", message=f"{job.source}: {words}")
