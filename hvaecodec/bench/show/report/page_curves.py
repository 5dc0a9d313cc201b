"""Turns records into curves as the page draws them: plain dicts for JSON, files and estimates apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves, tradeoffs
from hvaecodec.bench.show.curves import Curve
from hvaecodec.bench.show.plots import apart

Record = dict[str, Any]


def all_plots(
    records: Sequence[Record], metric_names: Sequence[str], published: Sequence[str], sets: Sequence[Record]
) -> list[Record]:
    """Return one plot for each metric that has curves.

    A plot is a dict: `id`, `label`, `kind`, whether `higher` is better, whether its axis is logarithmic (`log`), and
    its `curves`. Where files were decoded at several temperatures, perceptual metrics have a plot against PSNR too,
    with `across`, the name of the other axis. sets: from `set_metrics.score_sets`.
    """
    of_image, of_set = set_metrics.split_names(metric_names)
    plots = []
    for name in of_image:
        metric = image_metrics.get(name)
        lines = [*distortion_curves(records, name), *_published(name, published)]
        plots.append(_plot(name, metric.label, metric.higher_is_better, lines))
    baselines = {entry["codec"] for entry in sets if entry["baseline"]}
    for name in of_set:
        lines = [_line(curve, baselines) for curve in set_metrics.curves_of(sets, name).values()]
        plots.append(_plot(name, f"{set_metrics.SET_METRICS[name].label}, whole set", False, lines, perception=True))
    plots += _tradeoffs(records, metric_names, published, sets)
    return [plot for plot in plots if plot["curves"]]


def _tradeoffs(
    records: Sequence[Record], metric_names: Sequence[str], published: Sequence[str], sets: Sequence[Record]
) -> list[Record]:
    """A plot of each perceptual metric against PSNR, whose lines join the pictures of one file."""
    rows = tradeoffs.rows_at_temperatures(records, sets, metric_names) if "psnr" in metric_names else []
    plots = []
    for name in tradeoffs.perceptual_names(metric_names) if rows else []:
        (across, words), (up, label) = map(tradeoffs.column_and_label, ("psnr", name))
        files: dict[str, list[Record]] = {}
        for row in sorted(rows, key=lambda row: row["temperature"]):
            if row[across] is not None and row[up] is not None:
                files.setdefault(f"{row['file']}, {row['bpp']:.3f} bpp", []).append(row)
        lines = [
            {
                "name": file,
                "kind": "ours",
                "estimated": False,
                "points": [(round(r[across], 5), round(r[up], 5)) for r in mine],
            }
            for file, mine in files.items()
        ]
        for theirs, points in tradeoffs.published_points(published, "psnr", name).items():
            source = curves.published_entry(theirs)["source"]
            behind = {"name": theirs, "kind": "published", "estimated": False, "source": source}
            lines.append(behind | {"points": [(x, y) for _, x, y in points]})
        plot = _plot(f"{name}-against-psnr", f"{label} against PSNR at equal files", False, lines, perception=True)
        plots.append(plot | {"kind": "trade-off", "across": words, "up": label})
    return plots


def distortion_curves(records: Iterable[Record], metric: str) -> list[Record]:
    """Return the curve of every codec in the records, and that of its estimates where it lies apart."""
    records = list(records)
    baselines = {record["codec"] for record in records if record["baseline"]}
    files = curves.from_records(records, metric)
    estimates = curves.from_records(records, metric, estimated=True)
    lines = []
    for name in sorted(files, key=lambda name: name in baselines):  # ours take the first colours
        lines.append(_line(files[name], baselines))
        if name in estimates and apart(files[name], estimates[name]):
            lines.append(_line(estimates[name], baselines))
    return lines


def _plot(name: str, label: str, higher_is_better: bool, lines: list[Record], perception: bool = False) -> Record:
    values = [value for line in lines for _, value in line["points"]]
    log = not higher_is_better and bool(values) and min(values) > 0
    kind = "rate-perception" if perception else "rate-distortion"
    return {"id": name, "label": label, "kind": kind, "higher": higher_is_better, "log": log, "curves": lines}


def _line(curve: Curve, baselines: set[str]) -> Record:
    kind = "published" if curve.source else "baseline" if curve.name in baselines else "ours"
    points = [(round(b, 5), round(v, 5)) for b, v in zip(curve.bpp, curve.values, strict=True) if _finite(v)]
    return {"name": curve.name, "kind": kind, "estimated": curve.estimated, "points": points, "source": curve.source}


def _published(metric: str, names: Sequence[str]) -> list[Record]:
    published = (curves.published(name, metric) for name in names)
    return [_line(curve, set()) for curve in published if curve is not None]


def _finite(value: float) -> bool:
    return abs(value) != float("inf")
