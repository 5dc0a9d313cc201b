"""Measures how the package is built and fails where it is not as we want it: `python tests/helpers/house.py [ROOT]`.

It reads the sources and imports nothing of them. A function's lines are those from its `def` to its end, without its
docstring; its parameters are all of them but `self` and `cls`.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

WALK = (
    "codec/*.py",
    "codec/photo/*.py",
    "codec/hqa/*.py",
    "codec/tiles/*.py",
    "codec/folders/*.py",
    "codec/format/*.py",
    "codec/entropy/*.py",
    "codec/images/*.py",
    "codec/backends/*.py",
    "models/photo/prior_walk.py",
    "models/photo/layout.py",
    "models/photo/quantiser.py",
)
PROMISED = {"decode": 7}  # parameters of what users call: a file and six settings
PARTICIPLES = {"found", "told", "given", "made", "passed"}


@dataclass(frozen=True)
class Module:
    """A source file of the package: its path below the checkout, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the text."""
        return ast.parse(self.text, self.path)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        return self.text.splitlines()

    def functions(self) -> Iterator[Function]:
        """Every function and method, those inside others too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def place(self, node: ast.stmt | ast.expr | ast.arg | ast.excepthandler, words: str) -> str:
        """Where a node stands, and what is to be said of it."""
        return f"{self.path}:{node.lineno}: {words}"


@dataclass(frozen=True)
class Finding:
    """A number with its limit. ok: whether it keeps to it. places: where it does not, or what speaks against it."""

    what: str
    value: str
    ok: bool
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        state = "ok " if self.ok else "RED"
        return "\n".join([f"{state} {self.what}: {self.value}", *(f"      {place}" for place in self.places)])


def read_modules(root: Path, package: str = "hvaecodec") -> list[Module]:
    """The modules of the package in a checkout, sorted by path."""
    paths = sorted((root / package).rglob("*.py"))
    return [Module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def on_the_walk(modules: Iterable[Module], package: str = "hvaecodec") -> list[Module]:
    """Those modules that stand for the way of a picture from `encode` to bytes and back."""
    parts = [(module, Path(module.path).relative_to(package)) for module in modules]
    patterns = [Path(pattern) for pattern in WALK]
    return [
        module
        for module, path in parts
        if any(path.parent == pattern.parent and path.match(pattern.name) for pattern in patterns)
    ]


def body_lines(function: Function) -> int:
    """How many lines a function has from its `def` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def parameters(function: Function, positional_only: bool = False) -> list[str]:
    """The names of a function's parameters without `self` and `cls`; with positional_only, of those so passed."""
    arguments = function.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    return names if positional_only else names + [argument.arg for argument in arguments.kwonlyargs]


def module_sizes(modules: list[Module]) -> list[Finding]:
    """The median of the modules' lines, at most 100, and the modules above 300 lines, of which there are none."""
    median = statistics.median(len(module.lines) for module in modules)
    long = [f"{module.path}: {len(module.lines)} lines" for module in modules if len(module.lines) > 300]
    return [
        Finding("median lines of a module, at most 100", f"{median:g} of {len(modules)} modules", median <= 100),
        Finding("modules above 300 lines, none", str(len(long)), not long, tuple(long)),
    ]


def walk_sizes(modules: list[Module]) -> list[Finding]:
    """Functions of the walk with more than 25 lines or 5 parameters, of which there are none; `decode` may have 7."""
    walk = [(module, function) for module in on_the_walk(modules) for function in module.functions()]
    long = [
        module.place(function, f"{function.name} has {body_lines(function)} lines")
        for module, function in walk
        if body_lines(function) > 25
    ]
    wide = [
        module.place(function, f"{function.name} has {len(parameters(function))} parameters")
        for module, function in walk
        if len(parameters(function)) > PROMISED.get(function.name, 5)
    ]
    where = f"functions of the encode and decode walk ({', '.join(WALK)})"
    return [
        Finding(f"{where} above 25 lines, none", f"{len(long)} of {len(walk)}", not long, tuple(long)),
        Finding(
            "functions of the same walk with more than 5 parameters (`decode`: 7), none",
            f"{len(wide)} of {len(walk)}",
            not wide,
            tuple(wide),
        ),
    ]


def public(body: Iterable[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes of a module or class, with public methods; stubs (a body of `...`) left out."""
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            yield node
            yield from public(node.body)
        elif not _is_stub(node):
            yield node


def _is_stub(function: Function) -> bool:
    first = function.body[0]
    return len(function.body) == 1 and isinstance(first, ast.Expr) and getattr(first.value, "value", None) is ...


def docstrings(modules: list[Module]) -> list[Finding]:
    """The share of public functions, methods and classes with a docstring, at least 95 %, and modules without one."""
    nodes = [(module, node) for module in modules for node in public(module.tree.body)]
    bare = [
        module.place(node, f"{node.name} has no docstring") for module, node in nodes if not ast.get_docstring(node)
    ]
    share = 1 - len(bare) / len(nodes) if nodes else 1.0
    silent = [f"{module.path}: no docstring" for module in modules if not ast.get_docstring(module.tree)]
    enough = share >= 0.95
    return [
        Finding(
            "public functions, methods and classes with a docstring, at least 95 %",
            f"{100 * share:.1f} % of {len(nodes)}",
            enough,
            () if enough else tuple(bare),
        ),
        Finding("modules without a docstring, none", str(len(silent)), not silent, tuple(silent)),
    ]


def positional_parameters(modules: list[Module]) -> list[Finding]:
    """Functions with more than five positional parameters, of which there are at most five."""
    wide = [
        module.place(function, f"{function.name} has {len(parameters(function, True))}")
        for module in modules
        for function in module.functions()
        if len(parameters(function, True)) > 5
    ]
    return [
        Finding(
            "functions with more than 5 positional parameters, at most 5", str(len(wide)), len(wide) <= 5, tuple(wide)
        )
    ]


def long_lines(modules: list[Module], where: str = "the package") -> list[Finding]:
    """Lines of more than 120 characters, of which there are none; where: what the modules are of."""
    long = [
        f"{module.path}:{number}: {len(line)} characters"
        for module in modules
        for number, line in enumerate(module.lines, 1)
        if len(line) > 120
    ]
    return [Finding(f"lines of {where} above 120 characters, none", str(len(long)), not long, tuple(long))]


def participles(modules: list[Module]) -> list[Finding]:
    """Variables, parameters, attributes and fields whose name is a participle, of which there are none."""
    places = [
        module.place(node, name)
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name | ast.Attribute | ast.arg | ast.excepthandler)
        and (name := _bound_name(node)) in PARTICIPLES
    ]
    words = ", ".join(sorted(PARTICIPLES))
    return [Finding(f"variables and parameters called {words}, none", str(len(places)), not places, tuple(places))]


def _bound_name(node: ast.Name | ast.Attribute | ast.arg | ast.excepthandler) -> str:
    """The name that a node gives to a value; empty if it only uses one."""
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.excepthandler):
        return getattr(node, "name", None) or ""
    if not isinstance(node.ctx, ast.Store):
        return ""
    return node.id if isinstance(node, ast.Name) else node.attr


def relative_imports(modules: list[Module]) -> list[Finding]:
    """Relative imports, of which there are none."""
    places = [
        module.place(node, f"from {'.' * node.level}{node.module or ''} import ...")
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    return [Finding("relative imports, none", str(len(places)), not places, tuple(places))]


CHECKS: tuple[Callable[[list[Module]], list[Finding]], ...] = (
    module_sizes,
    walk_sizes,
    docstrings,
    positional_parameters,
    long_lines,
    participles,
    relative_imports,
)


def main() -> int:
    """Print every finding; 1 if any is not ok."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[2], help="a checkout")
    root = parser.parse_args().root
    modules = read_modules(root)
    findings = [finding for check in CHECKS for finding in check(modules)]
    findings += long_lines(read_modules(root, "tests"), "tests")
    print("\n".join(map(str, findings)))
    return 0 if all(finding.ok for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
