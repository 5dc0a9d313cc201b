"""Measures what the documents show and writes it into them: `python -m hvaecodec.bench.show.documents`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from hvaecodec.bench.show import documents
from hvaecodec.bench.show.documents import FinishedRun, document_runs, markers, parts
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import write_atomically


def main() -> int:
    """Measure and write, and return the exit status: 1, after a line that says why, if something cannot be measured.

    What was measured until then stays on disk.
    """
    arguments = _parser().parse_args()
    runs = [run for run in document_runs.RUNS if not arguments.only or run.name in arguments.only]
    try:
        finished = {}
        for run in [] if arguments.commands else runs:
            _say(f"{run.name}: about {run.minutes} minutes on two idle cores, less what is there")
            finished[run.name] = documents.finish_run(run, arguments.out / run.name, arguments.data)
        for path in write_documents(arguments.root, finished):
            _say(f"written: {path}")
    except (CodecError, OSError, ValueError, subprocess.CalledProcessError) as error:
        _say(f"error: {error}")
        return 1
    return 0


def write_documents(root: Path, finished: dict[str, FinishedRun]) -> Iterable[Path]:
    """Put finished runs into the documents under `root`, all commands, and what needs no run; return what changed.

    Raises ValueError for a block in a document that nothing makes.
    """
    texts = documents.block_texts(document_runs.BLOCKS, document_runs.RUNS, finished)
    texts |= {document_runs.NETS: parts.nets(), document_runs.FORMAT: parts.format_example()}
    for path in documents.documents(root):
        unknown = markers.blocks_in(path.read_text(encoding="utf-8")).keys() - document_runs.block_names()
        if unknown:
            raise ValueError(f"{path} shows {', '.join(sorted(unknown))}, which nothing makes")
    changed = documents.copy_plots(document_runs.BLOCKS.values(), finished, root / "docs")
    for path in documents.documents(root):
        before = path.read_text(encoding="utf-8")
        here = {
            name: text.replace("](docs/", "](") if path.parent.name == "docs" else text for name, text in texts.items()
        }
        after = markers.replace_blocks(before, here)
        if after != before:
            write_atomically(path, after.encode(), force=True)
            changed.append(path)
    return changed


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(f"{run.name} ({run.minutes} min)" for run in document_runs.RUNS)
    parser = argparse.ArgumentParser(prog="python -m hvaecodec.bench.show.documents", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout whose README.md and docs/ are written")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where records are kept and reused")
    parser.add_argument("--data", help="folder with Kodak, as `hvaecodec bench --data` takes it")
    parser.add_argument("--only", nargs="+", choices=[run.name for run in document_runs.RUNS], help=f"of {names}")
    parser.add_argument("--commands", action="store_true", help="measure nothing: write what needs no measurement")
    return parser


def _say(words: str) -> None:
    print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
