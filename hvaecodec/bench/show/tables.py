"""Tables from records: Bjøntegaard deltas, distortion at fixed rates, and how each image fares against the anchor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves
from hvaecodec.bench.show.curves import Curve

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_CONVENTIONS = (
    "BD-rate in per cent against {anchor}, negative is fewer bits: PCHIP of log-rate over the common range of the "
    "metric; points are the anchor's and the codec's inside it. Rates are those of whole files. "
    "Seconds are wall time of one image after a warm-up; peak is the whole process."
)
FIXED_BPP = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0)
MOST_IMAGES = 100  # of one table; beyond, the worst are shown and the others counted
_MOST_NAMES = 24  # of images in one note


@dataclass(frozen=True)
class Table:
    """Text cells in columns, with a title and notes below; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", _line(self.header), _line(["---"] + ["---:"] * (len(self.header) - 1))]
        lines += [_line(row) for row in self.rows]
        return "\n".join(lines + [f"\n{note}" for note in self.notes]) + "\n"

    def rich(self) -> RichTable:
        """For a terminal."""
        from rich.table import Table as RichTable

        table = RichTable(title=self.title, caption="\n".join(self.notes) or None, title_justify="left")
        for index, name in enumerate(self.header):
            table.add_column(name, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def to_markdown(tables: Iterable[Table]) -> str:
    """One after the other."""
    return "\n".join(table.markdown() for table in tables)


def all_tables(
    records: Sequence[dict[str, Any]],
    metric_names: Sequence[str],
    anchor: str,
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
) -> list[Table]:
    """Every table that the records and the scores of whole sets can fill, in reading order."""
    of_image, of_set = set_metrics.split(metric_names)
    drawn = [name for name in of_image if image_metrics.get(name).in_tables]
    tables = [summary(records, drawn, anchor, published)]
    tables += [table for name in drawn if (table := fixed_rates(records, name, published)).rows]
    has_anchor = anchor in {record["codec"] for record in records}
    ours = [name for name in _names(records) if name != anchor and not _is_baseline(records, name)]
    in_db = [name for name in drawn if image_metrics.get(name).unit]
    per_images = [per_image(records, name, codec, anchor) for codec in ours for name in in_db if has_anchor]
    tables += [table for table in per_images if table.rows]
    tables.append(by_setting(records, metric_names, sets))
    if of_set and sets:
        tables.append(perception(sets, of_set))
    failed = failures(records)
    return tables + ([failed] if failed.rows else [])


def summary(
    records: Sequence[dict[str, Any]], metric_names: Sequence[str], anchor: str, published: Sequence[str] = ()
) -> Table:
    """BD-rate of every codec against `anchor` for each metric, with its range, and the mean times of an image."""
    header = ["codec"]
    for name in metric_names:
        header += [f"BD-rate {name}", "over (points)"]
    rows = []
    measured = {name: curves.from_records(records, name) for name in metric_names}
    for codec in _names(records):
        cells = [cell for name in metric_names for cell in _bd_cells(measured[name], codec, anchor)]
        rows.append((codec, *cells, *_costs(records, codec)))
    comparable = curves.on_published_pictures(records)
    for name in published:
        cells = []
        label = _label(name)  # never the name of a codec that was measured
        for metric in metric_names:
            theirs = _published(name, metric) if comparable else {}
            cells += _bd_cells(measured[metric] | theirs, label, anchor)
        rows.append((label, *cells, "", "", "", ""))
    notes = [_CONVENTIONS.format(anchor=anchor)]
    if published:
        notes.append("Published curves were made by others under their own conventions and not measured here.")
        if not comparable:
            notes.append("They are of the 24 photos of Kodak, not of these pictures: no BD-rate, only for orientation.")
    notes += [
        f"{image_metrics.get(name).label}: {image_metrics.get(name).about}."
        for name in metric_names
        if image_metrics.get(name).about
    ]
    notes += _left_out(measured)
    title = f"{_datasets(records)}, {len({record['image'] for record in records})} images"
    columns = (*header, "encode s", "decode s", "peak MB", "threads")
    return Table(title, columns, rows, notes)


def fixed_rates(records: Sequence[dict[str, Any]], metric: str, published: Sequence[str] = ()) -> Table:
    """The metric at fixed rates, interpolated between a codec's settings; a codec that reaches none has no row."""
    found = list(curves.from_records(records, metric).values())
    for name in published:
        found += _published(name, metric).values()
    rows = []
    for curve in found:
        cells = [curves.value_at(curve, bpp) for bpp in FIXED_BPP]
        if not any(cell is not None for cell in cells):
            continue
        digits = 2 if image_metrics.get(metric).unit else 4
        label = _label(curve.name) if curve.source else curve.name
        rows.append((label, *("–" if cell is None else f"{cell:.{digits}f}" for cell in cells)))
    title = f"{image_metrics.get(metric).label} at bits per pixel"
    return Table(title, ("codec", *(f"{bpp:g}" for bpp in FIXED_BPP)), rows)


def per_image(records: Sequence[dict[str, Any]], metric: str, codec: str, anchor: str) -> Table:
    """For each image its own BD-rate and the worst ratio of rates at equal distortion, worst image first.

    Of more than MOST_IMAGES images the worst have rows, and all are counted.
    """
    found: list[tuple[float, tuple[str, ...]]] = []
    without = []
    by_image: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["codec"] in (codec, anchor):
            by_image.setdefault(record["image"], []).append(record)
    for image, group in sorted(by_image.items()):
        pair = curves.from_records(group, metric)
        try:
            bd = curves.bd_rate(pair[anchor], pair[codec])
            ratio, where = curves.worst_ratio(pair[anchor], pair[codec])
        except (KeyError, curves.NoOverlap):
            without.append(image)
            continue
        over = f"{bd.low:.1f}–{bd.high:.1f}"
        cells = (image, f"{bd.percent:+.1f}", f"{100 * (ratio - 1):+.1f}", f"{where:.1f}", over)
        found.append((ratio, cells))
    worse = sum(ratio > 1 for ratio, _ in found)
    notes = [
        f"{worse} of {len(found)} images take more bits than {anchor} at equal {metric} anywhere on the common range."
    ]
    if without:
        others = f" and {len(without) - _MOST_NAMES} others" if len(without) > _MOST_NAMES else ""
        notes.append(f"Not comparable: {', '.join(without[:_MOST_NAMES])}{others}.")
    if len(found) > MOST_IMAGES:
        notes.append(f"The {MOST_IMAGES} worst are shown.")
    header = ("image", "BD-rate %", "worst: bits %", "at dB", "range dB")
    rows = [cells for _, cells in sorted(found, reverse=True)[:MOST_IMAGES]]
    return Table(f"{codec} against {anchor}, image by image, {metric}", header, rows, notes)


def by_setting(
    records: Sequence[dict[str, Any]], metric_names: Sequence[str], sets: Sequence[dict[str, Any]] = ()
) -> Table:
    """Every codec and setting by rate, with the mean over the images of every metric, and those of the whole set."""
    of_image, of_set = set_metrics.split(metric_names)
    plain = [(image_metrics.get(name).key, *image_metrics.plain(image_metrics.get(name))) for name in of_image]
    keys = [(set_metrics.SET_METRICS[name].key, set_metrics.SET_METRICS[name].label) for name in of_set]
    scores = {setting_label(entry): entry for entry in sets}
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(setting_label(record), []).append(record)
    rows: list[tuple[int, float, tuple[str, ...]]] = []
    for label, group in groups.items():
        rate = _mean(group, "bpp")
        cells = [_cell(_mean(group, key), f".{digits}f") for key, _, digits in plain]
        cells += [_cell(scores.get(label, {}).get(key), ".3g") for key, _ in keys]
        place = _names(records).index(group[0]["codec"])
        rows.append((place, rate or 0, (label, _cell(rate, ".3g"), *cells)))
    header = ("codec and setting", "bpp", *(label for _, label, _ in plain), *(label for _, label in keys))
    return Table("Every setting", header, [cells for _, _, cells in sorted(rows)])


def setting_label(record: dict[str, Any]) -> str:
    """The codec and its setting, as tables and the report name a file."""
    return f"{record['codec']}, quality {record['settings']['quality']:g}"


def perception(sets: Sequence[dict[str, Any]], metric_names: Sequence[str]) -> Table:
    """Every codec and setting by rate, with its distances over the whole set and the number of patches."""
    found = [set_metrics.SET_METRICS[name] for name in metric_names]
    order = {codec: number for number, codec in enumerate(_names(sets))}
    counts = sorted({name for entry in sets for name in entry if name.startswith("patches")})
    rows, reasons = [], []
    for entry in sorted(
        sets, key=lambda entry: (order[entry["codec"]], entry["bpp"] or 0, entry["settings"]["quality"])
    ):
        setting = setting_label(entry)
        cells = ("–" if entry[metric.key] is None else f"{entry[metric.key]:.4g}" for metric in found)
        rows.append(
            (
                setting,
                "–" if entry["bpp"] is None else f"{entry['bpp']:.3f}",
                *cells,
                *(f"{entry.get(name, 0)}" for name in counts),
            )
        )
        reasons += [f"{setting}: no {key}, {why}." for key, why in entry.get("not_measured", {}).items()]
    nets = ", ".join(f"{name} {digest}" for name, digest in (sets[0]["nets"] if sets else {}).items())
    note = (
        "Distances between all decoded and all original patches in the features of a network; lower is better. Compare "
        f"values of one data set only, and see docs/METRICS.md. Networks: {nets}."
    )
    abouts = [f"{metric.label}: {metric.about}." for metric in found]
    header = ("codec and setting", "bpp", *(metric.label for metric in found), *counts)
    return Table("Perception over the whole set", header, rows, [note, *abouts, *reasons])


def failures(records: Sequence[dict[str, Any]]) -> Table:
    """What failed, one row for each codec and message."""
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        if "error" in record:
            key = (record["codec"], record["error"])
            counts[key] = counts.get(key, 0) + 1
    rows: list[tuple[str, ...]] = [
        (codec, str(n), error.replace("\n", " ")[:160]) for (codec, error), n in counts.items()
    ]
    return Table("Failures", ("codec", "records", "error"), rows)


def _bd_cells(found: dict[str, Curve], codec: str, anchor: str) -> tuple[str, str]:
    if codec not in found or anchor not in found:
        return "–", ""
    if codec == anchor:
        return "0", ""
    try:
        bd = curves.bd_rate(found[anchor], found[codec])
    except curves.NoOverlap:
        return "–", "no overlap"
    unit = image_metrics.get(found[codec].metric).unit
    over = f"{bd.low:.1f}–{bd.high:.1f}{unit}" if unit else f"{bd.low:.3f}–{bd.high:.3f}"
    return f"{bd.percent:+.1f}", f"{over} ({bd.n_anchor}/{bd.n_test})"


def _published(name: str, metric: str) -> dict[str, Curve]:
    curve = curves.published(name, metric)
    return {} if curve is None else {_label(name): curve}


def _label(published_name: str) -> str:
    return f"{published_name} (published)"


def _costs(records: Sequence[dict[str, Any]], codec: str) -> tuple[str, str, str, str]:
    mine = [record for record in records if record["codec"] == codec and "error" not in record]
    if not mine:
        return "", "", "", ""
    seconds = [f"{np.mean([record[key] for record in mine]):.3f}" for key in ("encode_s", "decode_s")]
    peaks = [r[key] for r in mine for key in ("encode_peak_bytes", "decode_peak_bytes") if r.get(key)]
    threads = sorted({str(record["threads"]) for record in mine})
    return seconds[0], seconds[1], f"{max(peaks) / 1e6:.0f}" if peaks else "", "/".join(threads)


def _left_out(measured: dict[str, dict[str, Curve]]) -> list[str]:
    lines = []
    for metric, found in measured.items():
        for curve in found.values():
            if curve.left_out:
                lines.append(f"{curve.left_out} settings of {curve.name} lack {metric} for an image and are left out.")
    return lines


def _mean(group: Sequence[dict[str, Any]], key: str) -> float | None:
    values = [record.get(key) for record in group]
    return None if None in values else float(np.mean([value for value in values if value is not None]))


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _names(records: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(record["codec"] for record in records))


def _is_baseline(records: Sequence[dict[str, Any]], codec: str) -> bool:
    return any(record["baseline"] for record in records if record["codec"] == codec)


def _datasets(records: Sequence[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(record["dataset"] for record in records))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
