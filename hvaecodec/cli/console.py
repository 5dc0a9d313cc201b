"""How every command talks: data to stdout, words to stderr, one line per error, and the exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from hvaecodec.codec.errors import CodecError

BAD_INPUT, WRONG_USAGE = 1, 2

Debug = Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")]
Model = Annotated[
    str | None, typer.Option(help="Folder of weights that the file was made with, if they are not the package's.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")]


def say(words: str) -> None:
    """One line for the person, on stderr."""
    print(" ".join(words.splitlines()), file=sys.stderr)


@contextmanager
def errors(debug: bool = False) -> Iterator[None]:
    """Around a command's work: errors become one line and an exit code, warnings become one line each.

    CodecError and what the system refuses exit 1, wrong arguments (ValueError, TypeError) exit 2.
    With `debug` the exception itself goes on, so that Python prints its traceback; the exit code is then 1.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _show_warning
        try:
            yield
        except typer.Exit:
            raise
        except BrokenPipeError:  # the reader of our stdout went away; no more can be said there
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (the interpreter flushes it as it exits)
            raise typer.Exit(BAD_INPUT) from None
        except Exception as error:
            if debug:
                raise
            say(f"error: {_words(error)}")
            raise typer.Exit(WRONG_USAGE if isinstance(error, ValueError | TypeError) else BAD_INPUT) from error


@contextmanager
def working(words: str) -> Iterator[None]:
    """A moving bar on stderr while something long runs; nothing if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(words, total=None)
        yield


def read_input(source: str) -> bytes:
    """The bytes of a file, or of stdin for "-"."""
    from hvaecodec.codec.files import read_bytes

    return sys.stdin.buffer.read() if source == "-" else read_bytes(source)


def check_output(source: str, target: str, force: bool) -> None:
    """Refuse a target that cannot be written, or that is the input, before any work is done."""
    from hvaecodec.codec.files import check_target

    if target == "-":
        return
    if source != "-" and os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f"input and output are the same file, {target}")
    check_target(target, force)


def write_output(target: str, data: bytes, force: bool) -> None:
    """Write a whole file, or stdout for "-"."""
    from hvaecodec.codec.files import write_atomically

    if target == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(target, data, force)


def _words(error: Exception) -> str:
    if isinstance(error, CodecError | ValueError | TypeError) and str(error):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for this picture"
    if isinstance(error, OSError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; --debug shows where"


def _show_warning(message: Warning | str, *_rest: Any, **_more: Any) -> None:
    say(f"warning: {message}")
