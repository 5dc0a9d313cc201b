"""Puts tables, curves and pictures into one HTML page; the page's text is in `assets/page.html`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape
from importlib import metadata, resources
from string import Template
from typing import Any

from hvaecodec.bench.measure.machine import processor
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import tables
from hvaecodec.bench.show.report import plotted
from hvaecodec.bench.show.report.packed_images import Packed
from hvaecodec.bench.show.tables import Table

Record = dict[str, Any]
_LIBRARIES = ("hvaecodec", "torch", "numpy", "pillow", "scikit-image", "pytorch-msssim", "scipy",
              "torch-fidelity", "lpips", "piq")  # fmt: skip


def render(
    records: Sequence[Record],
    plots: list[Record],
    packed: Packed,
    metric_names: Sequence[str],
    anchor: str,
    published: Sequence[str],
    sets: Sequence[Record],
    command: str | None,
) -> str:
    """The whole page as text."""
    summary, *others = tables.all_tables(records, metric_names, anchor, published, sets)
    names = ", ".join(dict.fromkeys(record["dataset"] for record in records))
    n_images = len({record["image"] for record in records})
    found = [
        metric
        for metric in image_metrics.METRICS.values()
        if any(record.get(metric.key) is not None for record in records)
    ]
    parts = {
        "title": escape(f"{names}: {n_images} images, {len({r['codec'] for r in records})} codecs"),
        "style": _asset("style.css"),
        "script": _asset("plot.js") + _asset("viewer.js"),
        "summary": _table(summary),
        "details": "".join(
            f"<details><summary>{escape(t.title)}</summary>{_table(t, False)}</details>" for t in others
        ),
        "made": _made(records, command),
        "abouts": escape(" ".join(f"{metric.label}: {metric.about}." for metric in found if metric.about)),
        "left_out": _left_out(packed),
        "data": _json({"plots": plots, "measures": _measures(found), "images": _images(records, packed, metric_names)}),
        "payloads": "".join(
            f'<script type="text/plain" id="{key}" data-mime="{mime}">{text}</script>\n'
            for key, (mime, text) in packed.payloads.items()
        ),
    }
    return Template(_asset("page.html")).substitute(parts)


def _images(records: Sequence[Record], packed: Packed, metric_names: Sequence[str]) -> list[Record]:
    """What the page says of each image: its size, its own curves, and its pictures."""
    found = []
    drawn = set_metrics.split(metric_names)[0]
    for image in dict.fromkeys(record["image"] for record in records):
        mine = [record for record in records if record["image"] == image]
        own = {name: plotted.distortion_curves(mine, name) for name in drawn}
        head = {"name": image, "width": mine[0]["width"], "height": mine[0]["height"], "curves": own}
        found.append(head | {"shown": packed.variants.get(image, [])})
    return found


def _measures(found: Sequence[image_metrics.Metric]) -> list[Record]:
    """The columns of an image's table: key in the records, heading, digits after the point."""
    columns = []
    for metric in found:
        label, digits = image_metrics.plain(metric)
        columns.append(
            {"key": metric.key, "label": label + (" ↑" if metric.higher_is_better else " ↓"), "digits": digits}
        )
    return columns


def _table(table: Table, titled: bool = True) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for name, *cells in table.rows
    )
    caption = f"<caption>{escape(table.title)}</caption>" if titled else ""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    body = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">{body}</div>{notes}'


def _made(records: Sequence[Record], command: str | None) -> str:
    """The command, the versions of everything, and the commits the records were made at."""
    rows = [("made", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"))]
    rows += [("command", command)] if command else []
    rows += [("commit of the records", ", ".join(sorted({str(record.get("commit")) for record in records})))]
    devices = sorted({str(record["device"]) for record in records if "device" in record})
    rows += [
        ("machine", f"{processor()}, {os.cpu_count()} cores, {platform.system()}, measured on {', '.join(devices)}")
    ]
    rows += [("Python", platform.python_version())]
    rows += [(name, version) for name in _LIBRARIES if (version := _version(name))]
    for codec in dict.fromkeys(record["codec"] for record in records):
        versions = sorted({str(record["version"]) for record in records if record["codec"] == codec})
        rows.append((codec, "; ".join(versions)))
    return "".join(f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>" for name, value in rows)


def _left_out(packed: Packed) -> str:
    if not packed.left_out:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in packed.left_out)
    return f"<details><summary>{len(packed.left_out)} pictures are not in this page</summary><ul>{items}</ul></details>"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _asset(name: str) -> str:
    return (resources.files("hvaecodec.bench.show.report") / "assets" / name).read_text(encoding="utf-8")


def _json(data: Any) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
