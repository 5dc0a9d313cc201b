"""Puts the tables that a tool of this folder measured into a page of the documents, between two markers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from hvaecodec.bench.measure.machine import processor
from hvaecodec.codec.backends import library_in_use
from hvaecodec.codec.files import write_atomically

BLOCK = re.compile(
    r"<!-- (\w+): written by python -m hvaecodec\.bench\.tools\.\1 -->\n(.*?)<!-- end of \1 -->", re.DOTALL
)
Page = Annotated[Path | None, typer.Option("--write", help="Also put the tables between the markers of this page.")]


def markers_of(tool: str) -> tuple[str, str]:
    """Return the two lines between which a page has what a tool measured. tool: the name of its module."""
    return f"<!-- {tool}: written by python -m hvaecodec.bench.tools.{tool} -->", f"<!-- end of {tool} -->"


def show(tool: str, text: str, page: Path | None) -> None:
    """Print the tables of a tool, and put them into a page unless it is None. Raises what `write_between` does."""
    print(text, end="")
    if page is not None:
        write_between(page, tool, text)


def write_between(page: Path, tool: str, text: str) -> None:
    """Put a text between a tool's markers. Raises ValueError unless each stands there once, in this order."""
    whole = page.read_text(encoding="utf-8")
    begin, end = markers_of(tool)
    if whole.count(begin) != 1 or whole.count(end) != 1 or whole.index(begin) > whole.index(end):
        raise ValueError(f"{page} does not hold {begin} and then {end}, each once")
    before, after = whole.partition(begin)[0], whole.partition(end)[2]
    write_atomically(page, f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}".encode(), force=True)


def machine() -> str:
    """Return a sentence on what this process computes: threads, processor and library."""
    threads = os.environ.get("OMP_NUM_THREADS", "as many as there are")
    return f"Threads: {threads}; processor: {processor()}, {os.cpu_count()} cores; library: {library_in_use()}."
