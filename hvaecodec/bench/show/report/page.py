"""Puts tables, curves and pictures into one HTML page; the page's text is in `assets/page.html`."""

from __future__ import annotations

import base64
import hashlib
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
from hvaecodec.bench.measure.record_files import of_pictures
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show.report import page_curves
from hvaecodec.bench.show.report.packed_images import PackedPictures
from hvaecodec.bench.show.table import Table

Record = dict[str, Any]
_LIBRARIES = ("hvaecodec", "torch", "numpy", "pillow", "scikit-image", "pytorch-msssim", "scipy",
              "torch-fidelity", "lpips", "piq")  # fmt: skip


def render_page(
    records: Sequence[Record],
    *,
    plots: list[Record],
    packed: PackedPictures,
    tables: Sequence[Table],
    metric_names: Sequence[str],
    command: str | None,
) -> str:
    """Return the whole page as text.

    plots: from `page_curves.all_plots`. tables: the first stands open, the others are folded. command: what made the
    records, if known.
    """
    records = of_pictures(records)
    style, script = "\n" + _asset("style.css"), "\n" + _asset("plot.js") + _asset("viewer.js")
    summary, *others = tables
    names = ", ".join(dict.fromkeys(record["dataset"] for record in records))
    n_images = len({record["image"] for record in records})
    metrics = [
        metric
        for metric in image_metrics.METRICS.values()
        if any(record.get(metric.key) is not None for record in records)
    ]
    parts = {
        "title": escape(f"{names}: {n_images} images, {len({r['codec'] for r in records})} codecs"),
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "summary": _table(summary),
        "details": "".join(
            f"<details><summary>{escape(t.title)}</summary>{_table(t, False)}</details>" for t in others
        ),
        "made": _provenance(records, command),
        "abouts": escape(" ".join(f"{metric.label}: {metric.about}." for metric in metrics if metric.about)),
        "left_out": _left_out(packed),
        "data": _json(
            {"plots": plots, "measures": _measures(metrics), "images": _images(records, packed, metric_names)}
        ),
        "payloads": "".join(
            f'<script type="text/plain" id="{key}" data-mime="{escape(mime)}">{text}</script>\n'
            for key, (mime, text) in packed.payloads.items()
        ),
    }
    return Template(_asset("page.html")).substitute(parts)


def _images(records: Sequence[Record], packed: PackedPictures, metric_names: Sequence[str]) -> list[Record]:
    """What the page says of each image: its size, its own curves, and its pictures."""
    entries = []
    of_image = set_metrics.split_names(metric_names)[0]
    for image in dict.fromkeys(record["image"] for record in records):
        mine = [record for record in records if record["image"] == image]
        own = {name: page_curves.distortion_curves(mine, name) for name in of_image}
        head = {"name": image, "width": mine[0]["width"], "height": mine[0]["height"], "curves": own}
        entries.append(head | {"shown": packed.variants.get(image, [])})
    return entries


def _measures(metrics: Sequence[image_metrics.Metric]) -> list[Record]:
    """The columns of an image's table: key in the records, heading, digits after the point."""
    columns = []
    for metric in metrics:
        label, digits = image_metrics.plain_label(metric)
        columns.append(
            {"key": metric.key, "label": label + (" ↑" if metric.higher_is_better else " ↓"), "digits": digits}
        )
    return columns


def _table(table: Table, titled: bool = True) -> str:
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    body = table.html(titled)
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">{body}</div>{notes}'


def _provenance(records: Sequence[Record], command: str | None) -> str:
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


def _left_out(packed: PackedPictures) -> str:
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


def _hash(text: str) -> str:
    """The name by which the page's policy lets a style or script run: just this text, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(data: Any) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
