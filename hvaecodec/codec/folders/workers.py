"""Processes that convert files side by side, each on one thread; one that dies costs the file it had, no more.

They are started by spawn, since PyTorch does not survive a fork, and they never write: what they make comes back
through a pipe to the one process that does, so that none can leave half a file behind, whenever it is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from hvaecodec.codec.errors import CodecError, words_of
from hvaecodec.codec.folders.tree import Job
from hvaecodec.codec.folders.work import Converted, Work

_STARTS = 3  # so many workers in a row may die as they start
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Reply:
    """What came of a file: converted, or else the problem in words, with the traceback where there is one."""

    converted: Converted | None
    problem: str = ""
    trace: str = ""
    seconds: float = 0.0


def convert_all(work: Work, jobs: Iterable[Job], n_workers: int) -> Generator[tuple[Job, Reply], None, None]:
    """Have `n_workers` processes convert the sources of all jobs, and give each reply as it comes.

    A worker that dies is replaced, and its file's reply says so. All processes are gone when the iteration ends or is
    closed. Raises CodecError if the work's `prepare` does, or if workers keep dying as they start.
    """
    crew = _Crew(work, deque(jobs))
    try:
        crew.start(n_workers)
        while crew.workers:
            for ready in connection.wait([worker.pipe for worker in crew.workers.values()]):
                reply = crew.hear(crew.workers[ready])  # type: ignore[index]
                if reply is not None:
                    yield reply
    finally:
        crew.end()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back the Ctrl-C of this thread until the block is done; it comes then."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which the first process would start, and with it let the signal through again
    main = threading.current_thread() is threading.main_thread()
    pressed: list[bool] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # another thread may get the signal all the same, and then has Python's main thread handle it
    handler = signal.signal(signal.SIGINT, lambda *_: pressed.append(True)) if main else None
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if main:
            signal.signal(signal.SIGINT, handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    job: Job | None = None


class _Crew:
    """The workers that live, by their pipes, and the jobs that none of them has yet."""

    def __init__(self, work: Work, jobs: deque[Job]) -> None:
        self.work, self.jobs = work, jobs
        self.workers: dict[Connection, _Worker] = {}
        self.failed_starts = 0

    def start(self, count: int) -> None:
        """Start so many more workers."""
        context = get_context("spawn")
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self.work), daemon=True)
            with undisturbed():  # a new process inherits what is held back: Ctrl-C is for us alone
                process.start()
                self.workers[ours] = _Worker(process, ours)
            theirs.close()

    def hear(self, worker: _Worker) -> tuple[Job, Reply] | None:
        """Take the message of a worker, or its end, and give it the next job; return the reply if it was one."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if isinstance(message, str):
            raise CodecError(message)
        reply = (worker.job, message) if worker.job and isinstance(message, Reply) else None
        worker.ready, self.failed_starts = True, 0
        self._assign(worker)
        return reply

    def end(self) -> None:
        """Kill every worker that is left and wait until it is gone."""
        with undisturbed():
            for worker in self.workers.values():
                worker.process.kill()
            for worker in self.workers.values():
                worker.process.join()
                worker.pipe.close()
            self.workers.clear()

    def _assign(self, worker: _Worker) -> None:
        """Send a worker its next job, or dismiss it; one that has died meanwhile, as its pipe will tell, gets none."""
        worker.job = self.jobs.popleft() if self.jobs else None
        try:
            worker.pipe.send(worker.job.source if worker.job else None)
        except OSError:
            if worker.job is not None:
                self.jobs.appendleft(worker.job)
            worker.job = None

    def _bury(self, worker: _Worker) -> tuple[Job, Reply] | None:
        """Take a worker that has ended off the list, replace it if there is work, and return its job as failed."""
        worker.process.join()
        worker.pipe.close()
        del self.workers[worker.pipe]
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts == _STARTS:
                raise CodecError(f"{_STARTS} workers in a row ended as they started, the last {_end_of(worker)}")
        if self.jobs:
            self.start(1)
        if worker.job is None:
            return None
        return worker.job, Reply(None, f"its worker {_end_of(worker)}")


def _end_of(worker: _Worker) -> str:
    code = worker.process.exitcode or 0
    if code == -getattr(signal, "SIGKILL", 9):
        return "was killed (SIGKILL), as happens when memory runs out"
    if code < 0:
        return f"was killed by signal {-code}"
    return f"ended with status {code}"


def _serve(pipe: Connection, work: Work) -> None:
    """Run a worker: prepare the work, then convert file after file until there is none or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            work.prepare()
        except Exception as error:
            pipe.send(words_of(error))
            return
        pipe.send(None)
        while (path := pipe.recv()) is not None:
            pipe.send(reply_of(partial(work.convert, path)))


def reply_of(convert: Callable[[], Converted]) -> Reply:
    """Convert a file on one thread, and return what came of it with its warnings; no exception goes through."""
    _use_one_thread()
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        try:
            converted = convert()
        except Exception as error:
            return Reply(None, words_of(error), traceback.format_exc(), time.perf_counter() - start)
    notes = [f"note: {note}" for note in converted.notes] + [f"warning: {warning.message}" for warning in heard]
    return Reply(Converted(converted.data, converted.summary, tuple(notes)), seconds=time.perf_counter() - start)


def _use_one_thread() -> None:
    """Hold PyTorch, once something has imported it, to one thread also where it was imported before the settings."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
