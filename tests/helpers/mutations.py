"""Draws mutations of `codec` and `models` from cosmic-ray's list, and reports which of them the fast tests let through.

    python tests/helpers/mutations.py --count 40 --seed 1 --out runs/mutations

Each mutation is applied to a copy of the checkout, never to the checkout itself. The tests that mirror the mutated
module run first, the others only if those pass. Annotations are left out: nothing evaluates them.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[2]
ROOMS = ("codec", "models")
TIMEOUT = 600  # seconds for one run of tests: a mutation that makes them endless is caught


@dataclass(frozen=True)
class Mutation:
    """One entry of the list: `occurrence` counts the places in `module` where `operator` can be applied."""

    module: str
    operator: str
    occurrence: int
    line: int


@dataclass(frozen=True)
class Verdict:
    """What the tests said of a mutation. caught_by: the first failing test, or None if all passed."""

    mutation: Mutation
    before: str
    after: str
    caught_by: str | None


def list_mutations(module: Path) -> Iterator[Mutation]:
    """Yield every mutation that cosmic-ray knows for a module, those inside annotations excepted."""
    source = module.read_text(encoding="utf-8")
    annotations = _annotation_spans(source)
    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        operator_class = get_operator(name)
        if operator_class.arguments():
            continue
        operator = operator_class()
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, start in enumerate(places):
            if not any(first <= start < last for first, last in annotations):
                yield Mutation(str(module.relative_to(ROOT)), name, occurrence, start[0])


def _annotation_spans(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    spans = []
    for node in ast.walk(ast.parse(source)):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        spans += [_span(part) for part in parts if isinstance(part, ast.expr)]
    return spans


def _span(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)


def draw_mutations(count: int, seed: int) -> list[Mutation]:
    """Return `count` mutations of the two rooms, drawn without replacement from the whole list."""
    modules = sorted(path for room in ROOMS for path in (ROOT / "hvaecodec" / room).rglob("*.py"))
    everything = [mutation for module in modules for mutation in list_mutations(module)]
    print(f"{len(everything)} mutations of {len(modules)} modules; {count} are drawn with seed {seed}", flush=True)
    return random.Random(seed).sample(everything, count)


def judge_mutation(mutation: Mutation, copy: Path, *, whole: bool) -> Verdict:
    """Apply a mutation to the copy of the checkout, run tests there, and take it back.

    whole: run all fast tests; otherwise only those that mirror the mutated module's folder.
    """
    target = copy / mutation.module
    source = target.read_text(encoding="utf-8")
    mutated = mutate_code(source, get_operator(mutation.operator)(), mutation.occurrence)
    before, after = _changed_lines(source, mutated)
    mirrored = copy / "tests" / Path(mutation.module).relative_to("hvaecodec").parent
    target.write_text(mutated, encoding="utf-8")
    try:
        tests = copy / "tests" if whole else mirrored
        return Verdict(mutation, before, after, _first_failure(copy, tests) if tests.is_dir() else None)
    finally:
        target.write_text(source, encoding="utf-8")


def _changed_lines(source: str, mutated: str) -> tuple[str, str]:
    pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
    return next(((old.strip(), new.strip()) for old, new in pairs if old != new), ("", ""))


def _first_failure(copy: Path, tests: Path) -> str | None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "2", "--dist", "worksteal"]
    env = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, str(tests)], cwd=copy, env=env, capture_output=True, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return "the time limit"
    if done.returncode == 0:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0] if failed else f"pytest's exit code {done.returncode}"


def judge_all(mutations: list[Mutation], copy: Path, log: Path) -> list[Verdict]:
    """Judge by the mirrored tests first, then by all tests what these let through; return the last verdicts.

    log: a line of JSON for each verdict, with the round it is of; what is there already is not judged again.
    """
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    verdicts: list[Verdict] = []
    for whole in (False, True):
        remaining = [v.mutation for v in verdicts if v.caught_by is None] if whole else mutations
        for mutation in remaining:
            known = next((x for x in lines if x["whole"] == whole and x["mutation"] == asdict(mutation)), None)
            if known is None:
                verdict = judge_mutation(mutation, copy, whole=whole)
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(verdict) | {"whole": whole}) + "\n")
            else:
                verdict = Verdict(mutation, known["before"], known["after"], known["caught_by"])
            verdicts = [v for v in verdicts if v.mutation != mutation] + [verdict]
            tests = "all tests" if whole else "mirrored tests"
            place = f"{mutation.module}:{mutation.line}"
            outcome = verdict.caught_by or f"let through by {tests}"
            print(f"{outcome}\t{place}\t{verdict.before}  ->  {verdict.after}", flush=True)
    return verdicts


def main() -> None:
    """Draw, judge and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutations")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    copy = options.out / "checkout"
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    verdicts = judge_all(draw_mutations(options.count, options.seed), copy, options.out / f"seed{options.seed}.jsonl")
    caught = sum(verdict.caught_by is not None for verdict in verdicts)
    print(f"{caught} of {len(verdicts)} mutations are caught")


if __name__ == "__main__":
    main()
