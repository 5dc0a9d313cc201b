"""Files to read from records: tables and plots. Anything else made from a run is one more function of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench import curves, metrics, plots, tables


def write(
    records: Sequence[dict[str, Any]],
    out: Path,
    *,
    metric_names: Sequence[str],
    anchor: str = "jpeg",
    published: Sequence[str] = (),
) -> dict[str, Path]:
    """Write `table.md` and `rd_<metric>.png` for each metric into the folder `out`; the paths by name.

    Raises ValueError for an unknown metric or published curve, before anything is written.
    """
    drawn = [name for name in metric_names if metrics.get(name).higher_is_better]
    for name in published:
        curves.published_entry(name)
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(table.markdown() for table in tables.all_tables(records, metric_names, anchor, published))
    paths = {"table": out / "table.md"}
    paths["table"].write_text(text, encoding="utf-8")
    for name in drawn:
        if curves.from_records(records, name):
            path = out / f"rd_{name.replace('-', '_')}.png"
            paths[f"plot {name}"] = plots.rate_distortion(records, name, path, published=published)
    return paths
