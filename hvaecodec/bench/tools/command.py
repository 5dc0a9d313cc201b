"""Runs a tool's function as a command, with errors as `hvaecodec` shows them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import printable


def run(main: Callable[..., None]) -> None:
    """Run `main` with the words of this process, and exit: 0 done, 1 bad input, 2 wrong usage.

    A CodecError and what the system refuses, as pictures that cannot be had, are one line on stderr.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(main)
    try:
        app()
    except (CodecError, OSError) as error:
        print("error:", printable(" ".join(str(error).splitlines())), file=sys.stderr)
        sys.exit(1)
