"""The rows of a sweep as a small table of cells, for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show.table import Table

MOST_ROWS = 40
_MOST_WIDTH = 48  # of a codec's label


def small_table(rows: Sequence[Mapping[str, Any]], metric_names: Sequence[str]) -> Table:
    """Return codec, quality, temperature, bits per pixel and every metric of some rows, as far as a screen has room.

    Of more than MOST_ROWS rows the first are shown, and a note counts the others. A column that is empty for all rows
    is left out, and a value that is missing is a dash.
    """
    columns = [("codec", "codec", _label), ("quality", "quality", _number), ("temperature", "temperature", _number)]
    columns += [("bpp", "bpp", lambda value: f"{value:.4g}")]
    for name in metric_names:
        columns.append(_metric_column(name))
    columns += [("error", "error", lambda value: str(value).replace("\n", " ")[:60])]
    kept = [column for column in columns if any(row.get(column[0]) is not None for row in rows)]
    cells = [
        tuple("–" if row.get(key) is None else form(row[key]) for key, _, form in kept) for row in rows[:MOST_ROWS]
    ]
    more = len(rows) - MOST_ROWS
    notes = [f"and {more} more rows, in `records` and `to_dataframe()`"] if more > 0 else []
    datasets = ", ".join(dict.fromkeys(str(row["dataset"]) for row in rows))
    images = max((row["images"] for row in rows), default=0)
    title = f"{datasets}: means over {images} image{'s' * (images != 1)}" if rows else "no rows"
    return Table(title, tuple(heading for _, heading, _ in kept), cells, notes)


def _metric_column(name: str) -> tuple[str, str, Any]:
    if name in set_metrics.SET_METRICS:
        metric = set_metrics.SET_METRICS[name]
        return metric.key, metric.label, lambda value: f"{value:.4g}"
    entry = image_metrics.get(name)
    label, digits = image_metrics.plain_label(entry)
    return entry.key, label, lambda value: f"{value:.{digits}f}"


def _label(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_WIDTH else text[: _MOST_WIDTH - 1] + "…"


def _number(value: float) -> str:
    return f"{value:g}"
