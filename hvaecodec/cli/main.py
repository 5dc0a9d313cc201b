"""The `hvaecodec` command.

Each module beside this one that is not listed as a helper is a command: its function of the same name, and below the
help of that its EXAMPLES, a line of shell each.
"""

from __future__ import annotations

import os
import pkgutil
import sys
import textwrap
from importlib import import_module
from typing import Annotated

import typer
from typer.exceptions import TyperException

from hvaecodec import __version__, cli
from hvaecodec.cli.console import INTERRUPTED, open_streams, say

_HELPERS = {"main", "bars", "console", "folder_log", "folder_progress", "folders", "large", "long_work"}
# How threads of OpenMP and of numpy's BLAS wait: asleep, so that other processes have the processors meanwhile.
QUIET = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"}
_ORDER = ["encode", "decode", "info", "models", "export", "bench", "paper", "train"]

app = typer.Typer(
    name="hvaecodec",
    help="Compress photos into small .hvc files with hierarchical VAEs, decode them, and measure codecs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"hvaecodec {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compress photos into small .hvc files with hierarchical VAEs, decode them, and measure codecs."""


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _epilog(examples: str) -> str:
    """Return the end of a help page; the character \\b keeps the lines of the paragraph that it begins as they are."""
    return "\b\nExamples:\n" + textwrap.indent(examples.strip("\n"), "  ")


# Command modules import nothing heavy at their top, so all of them can be read for --help.
for _name in sorted({module.name for module in pkgutil.iter_modules(cli.__path__)} - _HELPERS, key=_place):
    _module = import_module(f"hvaecodec.cli.{_name}")
    app.command(_name, epilog=_epilog(_module.EXAMPLES))(getattr(_module, _name))


def main() -> None:
    """Run the command of this process and exit: 0 done, 1 bad input, 2 wrong usage, 130 interrupted."""
    open_streams()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)  # before PyTorch and numpy load, which read it once
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        say(f"error: {error.format_message()}")
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        say("interrupted")
        code = INTERRUPTED
    sys.exit(code)
