"""Tables from curves: Bjøntegaard deltas, distortion at fixed rates, and how each image fares against the anchor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import image_metrics
from hvaecodec.bench.show import curves
from hvaecodec.bench.show.curves import BDRate, Curve
from hvaecodec.bench.show.setting_tables import codec_names
from hvaecodec.bench.show.table import Table

Record = dict[str, Any]
SHARED_DB = 30.4, 36.8  # PSNR that the published learned codecs, JPEG and ours all reach
FIXED_BPP = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0)
MOST_IMAGES = 100  # of one table; beyond, the worst have rows and the others are counted
_MOST_NAMES = 24  # of images in one note
_CONVENTIONS = (
    "BD-rate in per cent against {anchor}, negative is fewer bits: PCHIP of log-rate over the common range of the "
    "metric; points are the anchor's and the codec's inside it. The column after it has one range for all, which the "
    "published learned codecs share. Rates are those of whole files."
)
_COSTS = ("encode s", "decode s", "peak MB", "threads")
_OF_COSTS = " Seconds are wall time of one image after a warm-up; peak is the whole process."


def summary(
    records: Sequence[Record],
    metric_names: Sequence[str],
    anchor: str,
    published: Sequence[str] = (),
    *,
    costs: bool = True,
) -> Table:
    """Return the BD-rate of every codec against `anchor` for each metric, with its range, and what an image costs.

    The costs are mean seconds to encode and to decode, and the peak memory; without `costs` they are left out.
    Published curves have rows too, and a BD-rate only if the records are of the same pictures. PSNR has a second
    column, over a range that is the same for all. For the formula see `curves.bd_rate`.
    """
    by_metric = {name: curves.from_records(records, name) for name in metric_names}
    rows = []
    for codec in codec_names(records):
        cells = [cell for name, known in by_metric.items() for cell in _bd_cells(known, name, codec, anchor)]
        rows.append((codec, *cells, *(_costs(records, codec) if costs else ())))
    comparable = curves.on_published_pictures(records)
    for name in published:
        label = _published_label(name)  # never the name of a codec that was measured
        cells = []
        for metric, of_metric in by_metric.items():
            theirs = _published_curves(name, metric) if comparable else {}
            cells += _bd_cells(of_metric | theirs, metric, label, anchor)
        rows.append((label, *cells, *("" for _ in _COSTS if costs)))
    bd_columns = [column for name in metric_names for column in _bd_columns(name)]
    header = ("codec", *bd_columns, *(_COSTS if costs else ()))
    datasets = ", ".join(dict.fromkeys(record["dataset"] for record in records))
    title = f"{datasets}, {len({record['image'] for record in records})} images"
    conventions = _CONVENTIONS.format(anchor=anchor) + (_OF_COSTS if costs else "")
    notes = [conventions, *_published_notes(published, comparable)]
    abouts = [image_metrics.get(name) for name in metric_names]
    notes += [f"{metric.label}: {metric.about}." for metric in abouts if metric.about]
    return Table(title, header, rows, notes + _left_out_notes(by_metric))


def fixed_rates(records: Sequence[Record], metric: str, published: Sequence[str] = ()) -> Table:
    """Return the metric at fixed rates, interpolated between a codec's settings.

    A codec that reaches none of the rates FIXED_BPP has no row. For the interpolation see `curves.value_at`.
    """
    shown_curves = list(curves.from_records(records, metric).values())
    for name in published:
        shown_curves += _published_curves(name, metric).values()
    digits = 2 if image_metrics.get(metric).unit else 4
    rows = []
    for curve in shown_curves:
        values = [curves.value_at(curve, bpp) for bpp in FIXED_BPP]
        if any(value is not None for value in values):
            label = _published_label(curve.name) if curve.source else curve.name
            rows.append((label, *("–" if value is None else f"{value:.{digits}f}" for value in values)))
    title = f"{image_metrics.get(metric).label} at bits per pixel"
    return Table(title, ("codec", *(f"{bpp:g}" for bpp in FIXED_BPP)), rows)


def per_image(records: Sequence[Record], metric: str, codec: str, anchor: str) -> Table:
    """Return for each image its own BD-rate and the worst ratio of rates at equal distortion, worst image first.

    Of more than MOST_IMAGES images the worst have rows, and all are counted. For the formulas see `curves.bd_rate` and
    `curves.worst_ratio`.
    """
    by_image: dict[str, list[Record]] = {}
    for record in records:
        if record["codec"] in (codec, anchor):
            by_image.setdefault(record["image"], []).append(record)
    compared: list[tuple[float, tuple[str, ...]]] = []
    not_comparable = []
    for image, group in sorted(by_image.items()):
        pair = curves.from_records(group, metric)
        try:
            compared.append(_image_row(image, pair[anchor], pair[codec]))
        except (KeyError, curves.NoOverlap):
            not_comparable.append(image)
    header = ("image", "BD-rate %", "worst: bits %", "at dB", "range dB")
    rows = [cells for _, cells in sorted(compared, reverse=True)[:MOST_IMAGES]]
    n_worse = sum(ratio > 1 for ratio, _ in compared)
    words = "images take more bits than"
    notes = [f"{n_worse} of {len(compared)} {words} {anchor} at equal {metric} anywhere on the common range."]
    if not_comparable:
        n_others = len(not_comparable) - _MOST_NAMES
        others = f" and {n_others} others" if n_others > 0 else ""
        notes.append(f"Not comparable: {', '.join(not_comparable[:_MOST_NAMES])}{others}.")
    if len(compared) > MOST_IMAGES:
        notes.append(f"The {MOST_IMAGES} worst are shown.")
    return Table(f"{codec} against {anchor}, image by image, {metric}", header, rows, notes)


def _image_row(image: str, anchor: Curve, test: Curve) -> tuple[float, tuple[str, ...]]:
    """The worst ratio of rates on one image, and the image's row."""
    bd = curves.bd_rate(anchor, test)
    ratio, where = curves.worst_ratio(anchor, test)
    over = f"{bd.low:.1f}–{bd.high:.1f}"
    return ratio, (image, f"{bd.percent:+.1f}", f"{100 * (ratio - 1):+.1f}", f"{where:.1f}", over)


def _bd_columns(metric: str) -> tuple[str, ...]:
    columns = f"BD-rate {metric}", "over (points)"
    return (*columns, f"over {SHARED_DB[0]}–{SHARED_DB[1]} dB") if metric == "psnr" else columns


def _bd_cells(by_codec: dict[str, Curve], metric: str, codec: str, anchor: str) -> tuple[str, ...]:
    """The cells of `_bd_columns`: BD-rate, the range it is over with the points inside; for PSNR over SHARED_DB too."""
    n_cells = len(_bd_columns(metric))
    if codec not in by_codec or anchor not in by_codec:
        return ("–", "", "–")[:n_cells]
    if codec == anchor:
        return ("0", "", "0")[:n_cells]
    whole, shared = (_bd_rate(by_codec[anchor], by_codec[codec], within) for within in (None, SHARED_DB))
    return (_percent(whole), _over(whole, metric), _percent(shared))[:n_cells]


def _bd_rate(anchor: Curve, test: Curve, within: tuple[float, float] | None) -> BDRate | None:
    try:
        return curves.bd_rate(anchor, test, within)
    except curves.NoOverlap:
        return None


def _percent(bd: BDRate | None) -> str:
    return "–" if bd is None else f"{bd.percent:+.1f}"


def _over(bd: BDRate | None, metric: str) -> str:
    """The range of a BD-rate, with the points of both curves inside."""
    if bd is None:
        return "no overlap"
    unit = image_metrics.get(metric).unit
    over = f"{bd.low:.1f}–{bd.high:.1f}{unit}" if unit else f"{bd.low:.3f}–{bd.high:.3f}"
    return f"{over} ({bd.n_anchor}/{bd.n_test})"


def _costs(records: Sequence[Record], codec: str) -> tuple[str, str, str, str]:
    """Mean seconds to encode and to decode, peak memory in MB, and threads."""
    mine = [record for record in records if record["codec"] == codec and "error" not in record]
    if not mine:
        return "", "", "", ""
    seconds = [f"{np.mean([record[key] for record in mine]):.3f}" for key in ("encode_s", "decode_s")]
    peaks = [r[key] for r in mine for key in ("encode_peak_bytes", "decode_peak_bytes") if r.get(key)]
    threads = sorted({str(record["threads"]) for record in mine})
    return seconds[0], seconds[1], f"{max(peaks) / 1e6:.0f}" if peaks else "", "/".join(threads)


def _published_curves(name: str, metric: str) -> dict[str, Curve]:
    curve = curves.published(name, metric)
    return {} if curve is None else {_published_label(name): curve}


def _published_label(name: str) -> str:
    return f"{name} (published)"


def _published_notes(published: Sequence[str], comparable: bool) -> list[str]:
    if not published:
        return []
    notes = ["Published curves were made by others under their own conventions and not measured here."]
    if not comparable:
        notes.append("They are of the 24 photos of Kodak, not of these pictures: no BD-rate, only for orientation.")
    return notes


def _left_out_notes(by_metric: dict[str, dict[str, Curve]]) -> list[str]:
    return [
        f"{curve.left_out} settings of {curve.name} lack {metric} for an image and are left out."
        for metric, by_codec in by_metric.items()
        for curve in by_codec.values()
        if curve.left_out
    ]
