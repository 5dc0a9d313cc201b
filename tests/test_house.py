"""The measures of how the package is built see what they should, each on a file that is bad in one way."""

from __future__ import annotations

import textwrap
from pathlib import Path

import house
import pytest

GOOD = '''
"""A module."""

from __future__ import annotations

from hvaecodec.codec import other

__all__ = ["Box", "double"]


def double(number: int, *, times: int = 2) -> int:
    """Return the number, doubled or more."""
    return number * times


class Box:
    """A thing with a size."""

    def __init__(self, a: int, b: int, c: int, d: int, e: int) -> None:
        self.size = a + b + c + d + e + other.SIZE

    def volume(self) -> int:
        """Return the volume."""
        return self.size

    def later(self) -> int: ...
'''


def findings(text: str, path: str = "hvaecodec/codec/photo/one.py") -> dict[str, house.Finding]:
    """What is wrong with a package of one module, by what it is about."""
    modules = [house.Module(path, textwrap.dedent(text).lstrip("\n"))]
    all_findings = [finding for check in house.CHECKS for finding in check(modules)]
    return {finding.what.split(",")[0]: finding for finding in all_findings if not finding.ok}


def test_a_good_file_is_passed_over():
    assert findings(GOOD) == {}


LONG = "def slow(x):\n    '''Return it.'''\n" + "    x += 1\n" * 24 + "    return x\n"


@pytest.mark.parametrize(
    ("addition", "what", "place"),
    [
        ("\n" * 300, "modules above 300 lines", "one.py: 3"),
        (LONG, "functions of the encode and decode walk", "slow has 26 lines"),
        ("def _f(a, b, c, *, d, e, f): ...\n", "functions of the same walk", "_f has 6 parameters"),
        ("def decode(a, b, c, *, d, e, f, g, h): ...\n", "functions of the same walk", "decode has 8 parameters"),
        ("def bare(): return 1\n", "public functions", "bare has no docstring"),
        ("class Bare:\n    x = 1\n", "public functions", "Bare has no docstring"),
        ("x = 1  # " + "long" * 30 + "\n", "lines of the package above 120 characters", "129 characters"),
        ("found = 1\n", "variables and parameters called found", ":26: found"),
        ("def _f(told): ...\n", "variables and parameters called found", "told"),
        ("for given in (): pass\n", "variables and parameters called found", "given"),
        ("Box.made = 1\n", "variables and parameters called found", "made"),
        ("class _C:\n    passed: int = 1\n", "variables and parameters called found", "passed"),
        ("try: pass\nexcept OSError as found: pass\n", "variables and parameters called found", "found"),
        ("from . import other\n", "relative imports", "from . import"),
    ],
)
def test_a_bad_file_is_reported(addition: str, what: str, place: str):
    bad = findings(GOOD + addition)
    assert [name for name in bad if name.startswith(what)], bad
    (finding,) = (finding for name, finding in bad.items() if name.startswith(what))
    assert any(place in line for line in finding.places), finding.places
    assert str(finding).startswith("RED ")


def test_a_module_without_a_docstring_is_reported():
    assert "modules without a docstring" in findings("x = 1\n")


def test_lines_above_the_median_are_reported():
    assert set(findings(GOOD + "x = 1\n" * 100)) == {"median lines of a module"}


def test_up_to_five_functions_may_have_many_positional_parameters():
    wide = "".join(f"def _wide{n}(a, b, c, d, e, f): ...\n" for n in range(6))
    outside = "hvaecodec/bench/one.py"
    what = "functions with more than 5 positional parameters"
    assert what not in findings(GOOD + wide.replace("def _wide5(a,", "def _wide5("), outside)
    assert what in findings(GOOD + wide, outside)


def test_only_the_walk_has_to_be_short():
    for path in ("hvaecodec/codec/a.py", "hvaecodec/codec/hqa/a.py", "hvaecodec/models/photo/layout.py"):
        assert findings(GOOD + LONG, path)
    for path in ("hvaecodec/bench/a.py", "hvaecodec/codec/bits_back/a.py", "hvaecodec/models/photo/generator.py"):
        assert not findings(GOOD + LONG, path)


def test_decode_takes_what_its_users_are_promised():
    assert findings(GOOD + "def decode(data, *, temperature, seed, scale, partial, generator): ...\n") == {}


def test_every_place_of_the_walk_exists():
    modules = house.read_modules(Path(__file__).parents[1])
    assert len(modules) > 100
    for pattern in house.WALK:
        assert any(Path(module.path).match(pattern) for module in house.on_the_walk(modules)), pattern
