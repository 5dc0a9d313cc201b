"""Writes what records say into the documents, and measures runs without: `python -m hvaecodec.bench.show.documents`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from hvaecodec.bench.show import documents
from hvaecodec.bench.show.documents import document_runs, figures, markers
from hvaecodec.bench.show.documents.measured import load_run, measure_run
from hvaecodec.bench.show.documents.runs import FinishedRun
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import write_atomically

_ERRORS = (CodecError, OSError, ValueError, subprocess.CalledProcessError)


def main() -> int:
    """Measure and write, and return the exit status: 1, after a line that says why, if something cannot be measured.

    What was measured until then stays on disk.
    """
    arguments = _parser().parse_args()
    finished, errors = finish_runs(arguments)
    try:
        for path in write_documents(arguments.root, finished):
            _say(f"written: {path}")
    except _ERRORS as error:
        errors.append(str(error))
    for words in errors:
        _say(f"error: {words}")
    return 1 if errors else 0


def finish_runs(arguments: argparse.Namespace) -> tuple[dict[str, FinishedRun], list[str]]:
    """Return every run that has a record, after measuring those that lack one, by name; and why others could not be.

    A run that cannot be measured on this machine, as without its pictures, keeps none of the others from it.
    """
    records = arguments.root / "records"
    finished, errors = {}, []
    for run in document_runs.RUNS:
        stored = load_run(run, records)
        if stored is None and not arguments.records and (not arguments.only or run.name in arguments.only):
            _say(f"{run.name}: about {run.minutes} minutes on two idle cores, less what is there")
            try:
                stored = measure_run(run, records, arguments.out / run.name, arguments.data)
            except _ERRORS as error:
                errors.append(f"{run.name}: {error}")
        if stored is not None:
            finished[run.name] = stored
    return finished, errors


def write_documents(root: Path, finished: Mapping[str, FinishedRun]) -> Iterable[Path]:
    """Put all that records say into the documents under `root`, and draw the figures; return what changed.

    finished: runs by name; the papers' records are read in `records/`. Raises ValueError for a block in a document that
    nothing makes.
    """
    texts = document_runs.block_texts(finished, (root / "records").resolve())
    for path in documents.documents(root):
        unknown = markers.blocks_in(path.read_text(encoding="utf-8")).keys() - document_runs.block_names()
        if unknown:
            raise ValueError(f"{path} shows {', '.join(sorted(unknown))}, which nothing makes")
    changed = figures.draw_figures(document_runs.BLOCKS.values(), finished, root / "docs")
    for path in documents.documents(root):
        before = path.read_text(encoding="utf-8")
        here = {name: _linked(text, path.relative_to(root)) for name, text in texts.items()}
        after = markers.replace_blocks(before, here)
        if after != before:
            write_atomically(path, after.encode(), force=True)
            changed.append(path)
    return changed


def _linked(text: str, document: Path) -> str:
    """A text whose links into `docs/` start where a document lies. document: its path below the checkout."""
    up = {0: "docs/", 1: "", 2: "../"}[len(document.parent.parts)]
    return text.replace("](docs/", f"]({up}")


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(f"{run.name} ({run.minutes} min)" for run in document_runs.RUNS)
    parser = argparse.ArgumentParser(prog="python -m hvaecodec.bench.show.documents", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout with README.md, docs/ and records/")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where runs that are measured keep their files")
    parser.add_argument("--data", help="folder with Kodak and cifar10.npz, as `hvaecodec bench --data` takes it")
    parser.add_argument(
        "--only", nargs="+", choices=[run.name for run in document_runs.RUNS], help=f"measure only these of {names}"
    )
    parser.add_argument(
        "--records", "--commands", action="store_true", help="measure nothing: write what records say, and commands"
    )
    return parser


def _say(words: str) -> None:
    print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
