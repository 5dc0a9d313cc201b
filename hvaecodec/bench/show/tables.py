"""The tables of a bench, made from its records and the scores of whole sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hvaecodec.bench.measure.record_files import of_pictures
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show.curve_tables import fixed_rates, per_image, summary
from hvaecodec.bench.show.setting_tables import by_setting, codec_names, perception
from hvaecodec.bench.show.table import Table, to_markdown

__all__ = ["Table", "all_tables", "failures", "to_markdown"]


def all_tables(
    records: Sequence[dict[str, Any]],
    metric_names: Sequence[str],
    anchor: str,
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
) -> list[Table]:
    """Return every table that the records and the scores of whole sets can fill, in reading order.

    anchor: the codec that BD-rates are against. published: names of published Kodak curves to compare with.
    sets: from `set_metrics.score_sets`. Raises ValueError for an unknown metric or published curve.
    """
    failed = failures(records)
    records = of_pictures(records)
    if not records:
        return [failed]
    of_image, of_set = set_metrics.split_names(metric_names)
    with_column = [name for name in of_image if image_metrics.get(name).in_tables]
    tables = [summary(records, with_column, anchor, published)]
    tables += [table for name in with_column if (table := fixed_rates(records, name, published)).rows]
    has_anchor = anchor in codec_names(records)
    ours = [name for name in codec_names(records) if name != anchor and not _is_baseline(records, name)]
    in_db = [name for name in with_column if image_metrics.get(name).unit]
    per_images = [per_image(records, name, codec, anchor) for codec in ours for name in in_db if has_anchor]
    tables += [table for table in per_images if table.rows]
    tables.append(by_setting(records, metric_names, sets))
    if of_set and sets:
        tables.append(perception(sets, of_set))
    return tables + ([failed] if failed.rows else [])


def failures(records: Sequence[dict[str, Any]]) -> Table:
    """Return a table of what failed, one row for each codec and message, without rows if nothing did."""
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        if "error" in record:
            key = (record["codec"], record["error"])
            counts[key] = counts.get(key, 0) + 1
    rows: list[tuple[str, ...]] = [
        (codec, str(n), error.replace("\n", " ")[:160]) for (codec, error), n in counts.items()
    ]
    return Table("Failures", ("codec", "records", "error"), rows)


def _is_baseline(records: Sequence[dict[str, Any]], codec: str) -> bool:
    return any(record["baseline"] for record in records if record["codec"] == codec)
