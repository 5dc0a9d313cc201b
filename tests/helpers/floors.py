"""Prints the lowest versions that pyproject.toml promises, as constraints for pip: `python floors.py torch test`.

Those of the core, and of the extras that are named.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tomllib

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_FLOOR = re.compile(r"([A-Za-z0-9_-]+)(?:\[[a-z]+\])?>=([0-9.]+)")


def floors(*extras: str) -> dict[str, str]:
    """The lowest version of each requirement. Raises ValueError where there is none, KeyError for an unknown extra."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"]]
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    lowest = {}
    for requirement in requirements:
        match = _FLOOR.match(requirement)
        if match is None:
            raise ValueError(f"{requirement!r} has no lowest version")
        lowest[match[1]] = match[2]
    return lowest


if __name__ == "__main__":
    print("\n".join(f"{name}=={lowest}" for name, lowest in floors(*sys.argv[1:]).items()))
