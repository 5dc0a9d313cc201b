"""Files to read from records: tables and plots. Anything else made from a run is one more function of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench import curves, metrics, plots, set_metrics, tables


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

    sets: scores of whole sets, which make a table and plots `rp_<metric>.png` of their own. Raises ValueError for an unknown metric or published curve, before anything is written.
    """
    of_image, of_set = set_metrics.split(metric_names)
    drawn = [name for name in of_image if metrics.get(name).in_tables]
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
    return paths
