"""Pages of the documents that tools write into: what is around the tables stays."""

import re
from pathlib import Path

import pytest

from hvaecodec.bench.tools import pages

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_keeps_what_is_around_the_tables(tmp_path):
    begin, end = pages.markers_of("limits")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    pages.write_between(page, "limits", "new\n")
    assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    assert pages.BLOCK.sub("", page.read_text()) == "before\n\nafter\n"
    for wrong in (end + begin, begin, 2 * (begin + end), ""):
        page.write_text(wrong)
        with pytest.raises(ValueError, match="each once"):
            pages.write_between(page, "limits", "new")
        assert page.read_text() == wrong


def test_tables_are_printed_and_written_only_where_it_is_asked_for(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("\n".join(pages.markers_of("gigapixel")))
    pages.show("gigapixel", "rows\n", None)
    assert capsys.readouterr().out == "rows\n" and "rows" not in page.read_text()
    pages.show("gigapixel", "rows\n", page)
    assert capsys.readouterr().out == "rows\n" and "rows" in page.read_text()


def test_each_marked_page_names_a_tool():
    found = {match[1] for path in DOCS.rglob("*.md") for match in pages.BLOCK.finditer(path.read_text())}
    marked = {name for path in DOCS.rglob("*.md") for name in re.findall(r"<!-- end of (\w+) -->", path.read_text())}
    assert found == marked >= {"backends", "folder_speed", "gigapixel", "limits"}
    assert all((Path(pages.__file__).parent / f"{name}.py").is_file() for name in found)
