"""Tables with a row for every codec and setting: metrics of single images, and distances over the whole set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show.table import Table

Record = dict[str, Any]


def codec_names(records: Sequence[Record]) -> list[str]:
    """Return the labels of the codecs in some records, in the order in which they come."""
    return list(dict.fromkeys(record["codec"] for record in records))


def setting_label(record: Record) -> str:
    """Return the codec and the quality of a record, as tables and the report name a file."""
    return f"{record['codec']}, quality {record['settings']['quality']:g}"


def by_setting(records: Sequence[Record], metric_names: Sequence[str], sets: Sequence[Record] = ()) -> Table:
    """Return every codec and setting by rate, with the mean of every metric over the images, and those of the set.

    sets: from `set_metrics.score_sets`. A metric has a dash where an image has no value.
    """
    of_image, of_set = set_metrics.split_names(metric_names)
    columns = [(image_metrics.get(name).key, *image_metrics.plain_label(image_metrics.get(name))) for name in of_image]
    set_columns = [(set_metrics.SET_METRICS[name].key, set_metrics.SET_METRICS[name].label) for name in of_set]
    scores = {setting_label(entry): entry for entry in sets}
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(setting_label(record), []).append(record)
    rows: list[tuple[int, float, tuple[str, ...]]] = []
    for label, group in groups.items():
        rate = _mean(group, "bpp")
        cells = [_cell(_mean(group, key), f".{digits}f") for key, _, digits in columns]
        cells += [_cell(scores.get(label, {}).get(key), ".3g") for key, _ in set_columns]
        place = codec_names(records).index(group[0]["codec"])
        rows.append((place, rate or 0, (label, _cell(rate, ".3g"), *cells)))
    header = ("codec and setting", "bpp", *(label for _, label, _ in columns), *(label for _, label in set_columns))
    return Table("Every setting", header, [cells for _, _, cells in sorted(rows)])


def perception(sets: Sequence[Record], metric_names: Sequence[str]) -> Table:
    """Return every codec and setting by rate, with its distances over the whole set and the number of patches.

    sets: from `set_metrics.score_sets`. metric_names: of metrics of whole sets. The notes say why a distance is not
    there.
    """
    metrics = [set_metrics.SET_METRICS[name] for name in metric_names]
    place = {codec: number for number, codec in enumerate(codec_names(sets))}
    counts = sorted({name for entry in sets for name in entry if name.startswith("patches")})
    rows, reasons = [], []
    for entry in sorted(sets, key=lambda e: (place[e["codec"]], e["bpp"] or 0, e["settings"]["quality"])):
        label = setting_label(entry)
        distances = (_cell(entry[metric.key], ".4g") for metric in metrics)
        patches = (f"{entry.get(name, 0)}" for name in counts)
        rows.append((label, _cell(entry["bpp"], ".3f"), *distances, *patches))
        reasons += [f"{label}: no {key}, {why}." for key, why in entry.get("not_measured", {}).items()]
    nets = ", ".join(f"{name} {digest}" for name, digest in (sets[0]["nets"] if sets else {}).items())
    note = (
        "Distances between all decoded and all original patches in the features of a network; lower is better. Compare "
        f"values of one data set only, and see docs/METRICS.md. Networks: {nets}."
    )
    abouts = [f"{metric.label}: {metric.about}." for metric in metrics]
    header = ("codec and setting", "bpp", *(metric.label for metric in metrics), *counts)
    return Table("Perception over the whole set", header, rows, [note, *abouts, *reasons])


def _mean(group: Sequence[Record], key: str) -> float | None:
    """The mean over a setting's images, None if one of them has no value."""
    values = [record.get(key) for record in group]
    return None if None in values else float(np.mean([value for value in values if value is not None]))


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
