"""Perception against distortion at an equal file: rows of files that were decoded at several temperatures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hvaecodec.bench.measure import specs
from hvaecodec.bench.measure.result_table import ResultTable
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves

Record = dict[str, Any]
Point = tuple[float, float, float]


def rows_at_temperatures(
    records: Sequence[Record], sets: Sequence[Record], metric_names: Sequence[str]
) -> list[Record]:
    """Return the rows of files that were decoded at more than one temperature; a codec without one has 0.

    sets: from `set_metrics.score_sets`. For the rows see `ResultTable`.
    """
    base_labels = {record["codec"]: specs.without_temperature(record["codec"]) for record in records}
    table = ResultTable.from_records(list(records), list(sets), tuple(metric_names), base_labels)
    rows = [row | {"temperature": row["temperature"] or 0} for row in table]
    temperatures: dict[str, set[float]] = {}
    for row in rows:
        temperatures.setdefault(row["file"], set()).add(row["temperature"])
    return [row for row in rows if len(temperatures[row["file"]]) > 1]


def perceptual_names(metric_names: Iterable[str]) -> list[str]:
    """Return those of some metrics that are drawn against PSNR: distances of one picture, and those of whole sets."""
    names = list(metric_names)
    return [name for name in names if name in set_metrics.SET_METRICS or image_metrics.is_perceptual_distance(name)]


def column_and_label(metric: str) -> tuple[str, str]:
    """Return the column of a row that holds a metric, and what a plot calls it."""
    entry = set_metrics.SET_METRICS.get(metric) or image_metrics.get(metric)
    if isinstance(entry, image_metrics.Metric) and metric.startswith("ms-ssim"):
        return entry.key, image_metrics.plain_label(entry)[0]  # the column has no dB
    return entry.key, entry.label


def published_points(names: Iterable[str], across: str, up: str) -> dict[str, list[Point]]:
    """Return the points (bpp, across, up) of each published Kodak curve that has both metrics, by its name.

    Raises ValueError for a curve that does not exist.
    """
    points = {}
    for name in names:
        x, y = curves.published_values(name, across), curves.published_values(name, up)
        if shared := [(bpp, x[bpp], y[bpp]) for bpp in sorted(x) if bpp in y]:
            points[name] = shared
    return points
