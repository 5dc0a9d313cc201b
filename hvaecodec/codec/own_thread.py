"""Runs the work of a call on a thread of ours: nothing that the caller has set reaches it, nor the reverse.

Such a thread has no autocast, inference mode, default device or function mode of PyTorch, no `np.errstate`, and a
number of threads for parallel loops that nobody else sees. Between calls it sleeps: with a new one for every call, what
each keeps of the memory that it freed would add up. Calls from several threads do not wait for each other, and a forked
process begins without threads of ours.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

_PACKAGE = str(Path(__file__).parent.parent)
_current = threading.local()

P = ParamSpec("P")
T = TypeVar("T")


def on_own_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that has `function` run on a thread of ours and waits; on such a thread it is called as it is.

    What it raises is raised to the caller. What is raised to the caller as it waits, such as KeyboardInterrupt, ends
    the work.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        if is_own_thread():
            return function(*args, **kwargs)
        return _Call(lambda: function(*args, **kwargs)).outcome()

    return called


def is_own_thread() -> bool:
    """Return whether this thread is one of ours."""
    return getattr(_current, "call", None) is not None


def warn_caller(message: str) -> None:
    """Issue a UserWarning on the caller's thread, at the line that called this package.

    Raises it where the caller's filters make an error of it.
    """
    if is_own_thread():
        _current.call.ask(lambda: _warn(message))
    else:
        _warn(message)


class _Worker:
    """A thread of ours, which runs one call after the other."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="hvaecodec", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with suppress(KeyboardInterrupt):  # of a call that has ended meanwhile
            while (call := self.calls.get()) is not None:
                call.run()
                del call  # and with it what it returned

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the work, between two of its steps, and wait until the thread has ended."""
        thread, error = ctypes.c_ulong(self.thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)
        self.calls.put(None)
        self.thread.join()


_idle: list[_Worker] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)


def _idle_worker() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


class _Call(Generic[T]):
    """One call's work, and what that asks of the caller meanwhile."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.requests: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.guard: Any = import_module("hvaecodec.codec.torch_guard") if "torch" in sys.modules else None
        self.n_threads: int = self.guard.threads_of_caller() if self.guard else 1
        self.error: BaseException | None = None
        self.result: T

    def outcome(self) -> T:
        """Run the work to its end and return what it returns. Raises what it raises."""
        worker = _idle_worker()
        try:
            worker.calls.put(self)
            while (request := self.requests.get()) is not None:
                request()
        except BaseException:
            worker.interrupt()
            raise
        _idle.append(worker)
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # which holds a traceback, and that holds us
        return self.result

    def ask(self, action: Callable[[], None]) -> None:
        """Have the caller's thread do something, from the own one. Raises what that raises."""
        answer: SimpleQueue[BaseException | None] = SimpleQueue()

        def request() -> None:
            try:
                action()
            except BaseException as error:
                answer.put(error)
            else:
                answer.put(None)

        self.requests.put(request)
        if (error := answer.get()) is not None:
            raise error

    def run(self) -> None:
        """Do the work, on a thread of ours, and keep what comes of it."""
        _current.call = self
        try:
            self.result = Context().run(self._settled)  # an empty context, whatever threads inherit
        except BaseException as error:
            self.error = error
        finally:
            del _current.call
            self.requests.put(None)

    def _settled(self) -> T:
        if self.guard is None:
            # Not above: the package's first import of its `models` would hide the function of that name.
            pieces = import_module("hvaecodec.models.side_by_side")
            with pieces.crew(pieces.threads_allowed()):
                return self.work()
        with self.guard.settled(self.n_threads):
            return self.work()


def _warn(message: str) -> None:
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
