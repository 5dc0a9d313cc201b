"""How every command talks: data to stdout, words to stderr, one line per error, and the exit codes."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from hvaecodec.codec.errors import CodecError, words_of
from hvaecodec.codec.files import printable, reason

BAD_INPUT, WRONG_USAGE, INTERRUPTED = 1, 2, 130
PIPE = "-"  # as an input it is stdin, as an output stdout
_STREAMS = {"stdin": os.O_WRONLY, "stdout": os.O_RDONLY, "stderr": os.O_WRONLY}  # what one that was closed lets do

Debug = Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")]
Model = Annotated[
    str | None,
    typer.Option(help="Folder of the weights that the file was encoded with, if they are not those of the package."),
]
NoMetadata = Annotated[bool, typer.Option("--no-metadata", help="Leave out the ICC profile and the EXIF.")]
MaxPixels = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Refuse a file whose header states more pixels, counted in whole tiles of 32 x 32."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")]


def open_streams() -> None:
    """Make the three streams of this process such that nobody else's bytes get into them, and none of ours is lost.

    A stream that the caller closed, as `2>&-` does, is opened again: otherwise the next file that is opened takes its
    number, and Python's `print` for a missing stderr goes to stdout. What is written to stderr then vanishes; a stdout
    of that kind refuses what is written to it. What an encoding has no letters for becomes escapes.
    """
    for number, (name, access) in enumerate(_STREAMS.items()):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, access), True)  # it gets the lowest number, and that is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(words: str) -> None:
    """Print one line for the person, on stderr; line breaks in `words` become spaces.

    Bytes in the name of a file that are no text, and those that would move the cursor, become escapes. A reader of
    stderr that went away is no reason to stop.
    """
    with suppress(OSError):
        print(printable(" ".join(words.splitlines())), file=sys.stderr)


@contextmanager
def errors(debug: bool = False) -> Iterator[None]:
    """Turn the errors of a command's work into one line and an exit code, and each of its warnings into one line.

    CodecError and what the system refuses exit 1, wrong arguments (ValueError, TypeError) exit 2.
    With `debug` the exception itself goes on, so that Python prints its traceback; the exit code is then 1.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _show_warning
        try:
            yield
            _flush()  # what was printed is written, or we say that it is not
        except typer.Exit:
            raise
        except BrokenPipeError:  # the reader of our stdout went away; no more can be said there
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (the interpreter flushes it as it exits)
            raise typer.Exit(BAD_INPUT) from None
        except Exception as error:
            if debug:
                raise
            say(f"error: {words_of(error)}")
            raise typer.Exit(WRONG_USAGE if isinstance(error, ValueError | TypeError) else BAD_INPUT) from error


def read_input(source: str) -> bytes:
    """Return the bytes of a file, or of stdin for "-". Raises CodecError if the file cannot be read."""
    from hvaecodec.codec.files import read_bytes, read_limited

    if source != PIPE:
        return read_bytes(source)
    try:
        return read_limited(sys.stdin.buffer)
    except (OSError, ValueError) as cause:
        raise CodecError(f"cannot read stdin: {reason(cause)}") from cause


def output_for(source: str, output: str | None, suffix: str) -> str:
    """Return the output that was named, or the one that follows from the input where none was.

    That is the input's name with `suffix` in place of its own, in the same folder; what came from stdin goes to stdout.
    """
    if output is not None:
        return output
    return PIPE if source == PIPE else str(Path(source).with_suffix(suffix))


def check_output(source: str, target: str, force: bool) -> None:
    """Refuse a target that cannot be written, or that is the input, before any work is done.

    Raises ValueError if both are the same file, CodecError if the target cannot be written or is there without `force`.
    """
    from hvaecodec.codec.files import check_target

    if target == PIPE:
        return
    if source != PIPE and os.path.isfile(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f"input and output are the same file, {target}")
    check_target(target, force)


def write_output(target: str, data: bytes, force: bool) -> None:
    """Write a whole file, or stdout for "-". Raises CodecError if the file cannot be written."""
    from hvaecodec.codec.files import write_atomically

    if target != PIPE:
        write_atomically(target, data, force)
        return
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        raise
    except OSError as cause:
        raise CodecError(f"cannot write stdout: {reason(cause)}") from cause
    _flush()


def _flush() -> None:
    """Write what waits in stdout. Raises CodecError if that cannot be, BrokenPipeError if its reader went away."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as cause:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (the interpreter flushes it as it exits)
        raise CodecError(f"cannot write stdout: {reason(cause)}") from cause


def _show_warning(message: Warning | str, *_rest: Any, **_more: Any) -> None:
    say(f"warning: {message}")
