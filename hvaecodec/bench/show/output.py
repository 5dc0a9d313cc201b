"""Files to read from records: tables and plots. Anything else made from a run is one more function of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench.measure import result_table, specs
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves, plots, tables


def write(
    records: Sequence[dict[str, Any]],
    out: Path,
    *,
    metric_names: Sequence[str],
    anchor: str = "jpeg",
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
) -> dict[str, Path]:
    """Write `table.md` and `rd_<metric>.png` for each metric into the folder `out`; the paths by name.

    sets: scores of whole sets, which make a table and plots `rp_<metric>.png` of their own, and, where files were decoded
    at several temperatures and PSNR was measured, `tradeoff_<metric>.png`. Raises ValueError for an unknown metric or
    published curve, before anything is written.
    """
    of_image, of_set = set_metrics.split(metric_names)
    drawn = [name for name in of_image if image_metrics.get(name).in_tables]
    for name in published:
        curves.published_entry(name)
    out.mkdir(parents=True, exist_ok=True)
    text = tables.to_markdown(tables.all_tables(records, metric_names, anchor, published, sets))
    paths = {"table": out / "table.md"}
    paths["table"].write_text(text, encoding="utf-8")
    for name in drawn:
        if curves.from_records(records, name):
            path = out / f"rd_{name.replace('-', '_')}.png"
            paths[f"plot {name}"] = plots.rate_distortion(records, name, path, published=published)
    for name in of_set:
        if set_metrics.curves_of(sets, name):
            path = out / f"rp_{name.replace('-', '_')}.png"
            paths[f"plot {name}"] = plots.rate_perception(sets, name, path)
    rows = _at_temperatures(records, sets, metric_names)
    for name in of_set if rows and "psnr" in of_image else []:
        found = set_metrics.SET_METRICS[name]
        path = out / f"tradeoff_{name.replace('-', '_')}.png"
        plots.tradeoff_figure(rows, ("psnr_db", image_metrics.get("psnr").label), (found.key, found.label)).savefig(
            path
        )
        paths[f"trade-off {name}"] = path
    return paths


def _at_temperatures(
    records: Sequence[dict[str, Any]], sets: Sequence[dict[str, Any]], metric_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of the files that were decoded at more than one temperature; none given is 0."""
    base = {record["codec"]: specs.without_temperature(record["codec"]) for record in records}
    rows = result_table.Measured.of(list(records), list(sets), tuple(metric_names), base).records
    told = [row | {"temperature": row["temperature"] or 0} for row in rows]
    count = {row["file"]: len({other["temperature"] for other in told if other["file"] == row["file"]}) for row in told}
    return [row for row in told if count[row["file"]] > 1]
