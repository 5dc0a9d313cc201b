"""A table of text cells, as Markdown and for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """Text cells in columns, with a title above and notes below; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table as Markdown, its title as a heading of the third level."""
        lines = [f"### {self.title}", "", _line(self.header), _line(["---"] + ["---:"] * (len(self.header) - 1))]
        lines += [_line(row) for row in self.rows]
        return "\n".join(lines + [f"\n{note}" for note in self.notes]) + "\n"

    def text(self) -> str:
        """Return the table as plain lines with aligned columns, numbers to the right."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        shown = [
            "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(line, widths, strict=True)) for line in lines)
        ]
        return "\n".join(line.rstrip() for line in (self.title, *shown, *self.notes))

    def html(self, titled: bool = True) -> str:
        """Return the table as an HTML element; its notes are left to the page. titled: with its title as a caption."""
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.header)
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
            for name, *cells in self.rows
        )
        caption = f"<caption>{escape(self.title)}</caption>" if titled else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def rich(self) -> RichTable:
        """Return the table as rich draws it in a terminal."""
        from rich.table import Table as RichTable
        from rich.text import Text  # brackets in a cell are brackets, no markup

        notes = Text("\n".join(self.notes)) if self.notes else None
        table = RichTable(title=Text(self.title), caption=notes, title_justify="left")
        for index, name in enumerate(self.header):
            table.add_column(Text(name), justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table


def to_markdown(tables: Iterable[Table]) -> str:
    """Return some tables as Markdown, one after the other."""
    return "\n".join(table.markdown() for table in tables)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
