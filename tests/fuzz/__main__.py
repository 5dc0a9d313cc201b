"""Fuzzes the parsers and the codecs: `python -m fuzz`, in `tests`, with `tests/helpers` in PYTHONPATH.

Without a seed it draws one and prints it. With --out it goes on where it was stopped, and `--part 1/4` is one of four
processes that share the mutants. It prints a table of counts, seconds and peak memory, and exits with 1 if there are
findings; each prints the command that shows it again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fuzz import corpus, oracles
from fuzz.campaign import CHECKS, PARSERS, Campaign, Progress, mutant_rng
from hvaecodec.bench.show.table import Table
from hvaecodec.codec.format.wire_ids import CODECS


def main() -> int:
    """Run what was asked for and return the exit status."""
    arguments = _parser().parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        codecs = corpus.CODECS[arguments.weights](Path(folder))
        seeds = {name: corpus.files_of(codec) for name, codec in codecs.items()}
        with oracles.serving(codecs):
            if arguments.only is not None:
                for name in arguments.codec[:1]:
                    rng = mutant_rng(arguments.check[0], name, seed, arguments.only)
                    print(CHECKS[arguments.check[0]](rng, _seeds_for(arguments.check[0], name, seeds)))
                return 0
            finished = _campaigns(arguments, seed, seeds)
    print(_table(finished).markdown(), end="")
    return 1 if any(progress.findings for progress in finished) else 0


def _campaigns(arguments: argparse.Namespace, seed: int, seeds: dict[str, list[bytes]]) -> list[Progress]:
    """Give every campaign its share of the time that is left."""
    part, parts = map(int, arguments.part.split("/"))
    todo = [(check, name) for check in arguments.check for name in _codecs_for(check, arguments.codec)]
    end = time.monotonic() + 60 * arguments.minutes
    finished = []
    for number, (check, name) in enumerate(todo):
        now = time.monotonic()
        share = now + (end - now) / (len(todo) - number)
        campaign = Campaign(check, name, seed, _seeds_for(check, name, seeds), part - 1, parts, arguments.out)
        finished.append(campaign.run(arguments.count, share))
    return finished


def _codecs_for(check: str, names: list[str]) -> list[str]:
    return ["any"] if check in PARSERS else names


def _seeds_for(check: str, name: str, seeds: dict[str, list[bytes]]) -> list[bytes]:
    return seeds[name] if name in seeds else [data for files in seeds.values() for data in files]


def _table(finished: list[Progress]) -> Table:
    rows = []
    for done in finished:
        results = ", ".join(f"{count} {result}" for result, count in sorted(done.results.items()))
        total = sum(done.results.values())
        cells = (
            f"{done.seconds:.0f}",
            f"{done.cpu_seconds:.0f}",
            f"{done.slowest:.2f}",
            f"{done.peak_bytes / 1e6:.0f}",
        )
        rows.append((f"{done.check}, {done.codec}", str(total), *cells, str(len(done.findings)), results))
    header = ("check, codec", "mutants", "s", "CPU s", "slowest CPU s", "peak MB", "findings", "what became of them")
    return Table("Mutants", header, rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    add: Any = parser.add_argument
    add("--check", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    add(
        "--codec",
        nargs="+",
        choices=list(CODECS),
        default=list(CODECS),
        help="whose files are changed; all parse alike",
    )
    add("--count", type=int, default=sys.maxsize, help="mutants of each check and codec, all parts together")
    add("--minutes", type=float, default=float("inf"), help="for everything together")
    add("--seed", type=int)
    add("--part", default="1/1", help="which of how many processes this is, as in 1/4")
    add("--weights", choices=list(corpus.CODECS), default="tiny", help="tiny random nets, or those in the package")
    add("--out", type=Path, help="a folder for findings, and for how far it is")
    add("--only", type=int, help="one mutant, of the first check and codec, with its traceback")
    return parser


if __name__ == "__main__":
    sys.exit(main())
