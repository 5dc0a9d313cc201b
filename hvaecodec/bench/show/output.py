"""Writes files to read from records: the tables as Markdown, and the plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves, plots, tables, tradeoffs


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

    sets: scores of whole sets, which have a table and plots `rp_<metric>.png` of their own. Where files were decoded at
    several temperatures and PSNR was measured, perceptual metrics have `tradeoff_<metric>.png`, of sets and of images.
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
    rows = tradeoffs.rows_at_temperatures(records, sets, metric_names)
    for name in tradeoffs.perceptual_names(metric_names) if rows and "psnr" in of_image else []:
        path = out / f"tradeoff_{name.replace('-', '_')}.png"
        plots.tradeoff(rows, ("psnr", name), path, published=published)
        paths[f"trade-off {name}"] = path
    return paths
