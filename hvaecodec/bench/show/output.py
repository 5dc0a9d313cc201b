"""Writes files to read from records: the tables as Markdown, and the plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench.measure import specs
from hvaecodec.bench.measure.result_table import ResultTable
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves, plots, tables


def write_tables_and_plots(
    records: Sequence[dict[str, Any]],
    out: Path,
    *,
    metric_names: Sequence[str],
    anchor: str = "jpeg",
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
) -> dict[str, Path]:
    """Write `table.md` and a plot `rd_<metric>.png` for each metric into the folder `out`; return the paths by name.

    sets: scores of whole sets, which have a table and plots `rp_<metric>.png` of their own, and, where files were
    decoded at several temperatures and PSNR was measured, `tradeoff_<metric>.png`.
    Raises ValueError for an unknown metric or published curve, before anything is written.
    """
    of_image, of_set = set_metrics.split_names(metric_names)
    on_plots = [name for name in of_image if image_metrics.get(name).in_tables]
    for name in published:
        curves.published_entry(name)
    out.mkdir(parents=True, exist_ok=True)
    text = tables.to_markdown(tables.all_tables(records, metric_names, anchor, published, sets))
    paths = {"table": out / "table.md"}
    paths["table"].write_text(text, encoding="utf-8", errors="backslashreplace")
    for name in on_plots:
        if curves.from_records(records, name):
            path = out / f"rd_{name.replace('-', '_')}.png"
            paths[f"plot {name}"] = plots.rate_distortion(records, name, path, published=published)
    for name in of_set:
        if set_metrics.curves_of(sets, name):
            path = out / f"rp_{name.replace('-', '_')}.png"
            paths[f"plot {name}"] = plots.rate_perception(sets, name, path)
    rows = _at_temperatures(records, sets, metric_names)
    for name in of_set if rows and "psnr" in of_image else []:
        metric, psnr = set_metrics.SET_METRICS[name], image_metrics.get("psnr")
        path = out / f"tradeoff_{name.replace('-', '_')}.png"
        plots.tradeoff_figure(rows, (psnr.key, psnr.label), (metric.key, metric.label)).savefig(path)
        paths[f"trade-off {name}"] = path
    return paths


def _at_temperatures(
    records: Sequence[dict[str, Any]], sets: Sequence[dict[str, Any]], metric_names: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of files that were decoded at more than one temperature; where a codec has no temperature it is 0."""
    base_labels = {record["codec"]: specs.without_temperature(record["codec"]) for record in records}
    table = ResultTable.from_records(list(records), list(sets), tuple(metric_names), base_labels)
    rows = [row | {"temperature": row["temperature"] or 0} for row in table]
    temperatures: dict[str, set[float]] = {}
    for row in rows:
        temperatures.setdefault(row["file"], set()).add(row["temperature"])
    return [row for row in rows if len(temperatures[row["file"]]) > 1]
