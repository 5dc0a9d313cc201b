"""docs/ARCHITECTURE.md names files and functions that there are, and its walks meet no file twice."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
ITEM = re.compile(r"^\d+\. `(hvaecodec/[\w/]+\.py)`: `([\w.]+)`", re.MULTILINE)


def steps(heading: str) -> list[tuple[str, str]]:
    """File and function of every step of a walk."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## )", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(ITEM.findall(section)) == len(re.findall(r"^\d+\. ", section, re.MULTILINE)) > 8
    return ITEM.findall(section)


@pytest.mark.parametrize("heading", ["One picture, from pixels to bytes", "And back"])
def test_a_walk_meets_no_file_twice_and_every_name_is_defined(heading):
    files = [file for file, _ in steps(heading)]
    assert len(set(files)) == len(files)
    for file, name in steps(heading):
        text = (ROOT / file).read_text()
        for part in name.split("."):
            assert re.search(rf"^\s*(def|class) {part}\b", text, re.MULTILINE), (file, name)


def test_the_page_is_two_pages():
    assert len(PAGE.read_text().splitlines()) <= 110
