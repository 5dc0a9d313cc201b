"""The table that `rate_distortion` and `rate_perception` return, with its plots and BD-rates."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from hvaecodec.bench.measure.record_files import of_pictures
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves
from hvaecodec.bench.show.curves import Curve

if TYPE_CHECKING:
    from pandas import DataFrame

    from hvaecodec.bench.show.plots import NotebookFigure
    from hvaecodec.bench.show.table import Table

Record = dict[str, Any]
_SETTINGS = ("quality", "effort", "temperature", "seed")
_MEANS = ("n_bytes", "bpp", "est_bpp", "encode_s", "decode_s")  # then every metric


@dataclass(frozen=True, repr=False)
class ResultTable(Sequence[Record]):
    """A sequence of rows, one dict for each codec and setting, which `pandas.DataFrame` accepts.

    A value is the mean over the images, or None if an image has no value. Rows whose column `file` is equal decode the
    same files at different temperatures. The table prints as a small text table, and as HTML in a notebook.
    records: the rows. per_image: the records of every image. sets: the metrics of the whole set, for each codec and
    setting. metrics: the names of the metrics that were measured.
    """

    records: list[Record]
    per_image: list[Record]
    sets: list[Record]
    metrics: tuple[str, ...]

    @classmethod
    def from_records(
        cls, records: list[Record], sets: list[Record], metrics: tuple[str, ...], base_labels: Mapping[str, str]
    ) -> ResultTable:
        """Average a run's records into rows, beside its scores of whole sets.

        base_labels: for each codec's label the one without its temperature.
        """
        scores = {_key(entry): entry for entry in sets}
        groups: dict[str, list[Record]] = {}
        for record in of_pictures(records):
            groups.setdefault(_key(record), []).append(record)
        rows = [_row(group, scores.get(key, {}), metrics, base_labels) for key, group in groups.items()]
        return cls(rows, records, sets, metrics)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self.records[index]

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return self._small().text()

    def _repr_html_(self) -> str:
        small = self._small()
        return small.html() + "".join(f"<p>{escape(note)}</p>" for note in small.notes)

    def _small(self) -> Table:
        from hvaecodec.bench.show.row_table import small_table

        return small_table(self.records, self.metrics)

    def filter(
        self, codec: str | Sequence[str] | None = None, metric: str | Sequence[str] | None = None
    ) -> ResultTable:
        """Return a table with only some codecs and only the columns of some metrics.

        codec: one or several labels from the column `codec`, or names without their `@…`, which mean all variants.
        metric: one or several names of measured metrics. None means all.
        Raises ValueError for a codec or a metric that is not in the table.
        """
        names = [self._metric(name) for name in _several(metric)] if metric is not None else list(self.metrics)
        labels = self._labels(_several(codec)) if codec is not None else {row["codec"] for row in self.records}
        left_out = {_key_of(name) for name in self.metrics} - {_key_of(name) for name in names}

        def of_choice(records: list[Record]) -> list[Record]:
            mine = (record for record in records if record["codec"] in labels)
            return [{name: value for name, value in record.items() if name not in left_out} for record in mine]

        rows, per_image, sets = map(of_choice, (self.records, self.per_image, self.sets))
        return ResultTable(rows, per_image, sets, tuple(names))

    def to_dataframe(self) -> DataFrame:
        """Return the rows as a `pandas.DataFrame`. Raises ImportError, in one line, if pandas is not installed."""
        try:
            import pandas
        except ImportError as cause:
            raise ImportError("to_dataframe needs pandas, which is not installed: pip install pandas") from cause
        return pandas.DataFrame(self.records)

    def curves(self, metric: str | None = None) -> dict[str, Curve]:
        """Return a curve for each codec, by its label. metric: None means the first one that was measured."""
        name = self._metric(metric)
        if name in set_metrics.SET_METRICS:
            return set_metrics.curves_of(self.sets, name)
        return curves.from_records(self.per_image, name)

    def bd_rate(self, anchor: str | None = None, metric: str | None = None) -> dict[str, float | None]:
        """Return, by label, how many per cent more bits every codec takes than `anchor` at an equal metric (BD-rate).

        A value is None if the two curves have no common range, or if nothing of the codec could be measured. See
        `hvaecodec.bench.show.curves.bd_rate` for the definition. anchor: None means the first baseline, or the first
        codec if there is no baseline. A metric of a whole set is compared on a logarithmic axis, because its values
        span decades; points at or below 0 are left out.
        Raises ValueError for a codec without a curve or a metric that was not measured.
        """
        by_label = {label: _logarithmic(curve) for label, curve in self.curves(metric).items()}
        against = anchor or next((r["codec"] for r in self.records if r["baseline"]), self.records[0]["codec"])
        if against not in by_label:
            raise ValueError(f"no curve of {against!r}; there are {', '.join(by_label)}")
        labels = dict.fromkeys([*by_label, *(row["codec"] for row in self.records)])  # also of codecs that failed
        return {label: _percent(by_label[against], by_label.get(label)) for label in labels}

    def plot(
        self,
        metric: str | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        against: str = "rate",
        published: Sequence[str] = (),
    ) -> NotebookFigure:
        """Draw a metric against the rate, or against another metric, and return the figure, which a notebook shows.

        against: `rate`, or the name of another metric; then a line joins the pictures of one file at several
        temperatures. path: a file that the figure is written to as well. published: names of published Kodak curves to
        draw behind. It needs matplotlib.
        """
        from hvaecodec.bench.show import plots

        name = self._metric(metric)
        if against != "rate":
            figure = plots.tradeoff_figure(self.records, (self._metric(against), name), published=published)
        elif name in set_metrics.SET_METRICS:
            figure = plots.perception_figure(self.sets, name)
        else:
            figure = plots.distortion_figure(self.per_image, name, published=published)
        if path is not None:
            figure.savefig(path)
        return figure

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the rows as a JSON list, which `pandas.read_json` can read; with a `path`, also write it there."""
        text = json.dumps(self.records, indent=1, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def _labels(self, names: Sequence[str]) -> set[str]:
        """The labels that names of codecs stand for."""
        labels = {row["codec"] for row in self.records}
        for name in names:
            if not any(name in (label, label.partition("@")[0]) for label in labels):
                raise ValueError(f"no codec {name!r} in the table; there are {', '.join(sorted(labels))}")
        return {label for label in labels if label in names or label.partition("@")[0] in names}

    def _metric(self, name: str | None) -> str:
        if name is not None and name not in self.metrics:
            raise ValueError(f"{name!r} was not measured; there are {', '.join(self.metrics)}")
        return name or self.metrics[0]


def _several(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _key_of(metric: str) -> str:
    """The column of a metric."""
    return (set_metrics.SET_METRICS.get(metric) or image_metrics.get(metric)).key


def _key(record: Record) -> str:
    return json.dumps([record["codec"], record["settings"]], sort_keys=True)


def _row(group: list[Record], scores: Record, metrics: tuple[str, ...], base_labels: Mapping[str, str]) -> Record:
    """The row of one codec at one setting: what it is, then means over its images, then distances over the set."""
    first = group[0]
    settings = first["settings"]
    row = {name: first[name] for name in ("dataset", "codec", "baseline", "version")}
    row |= {name: settings.get(name) for name in _SETTINGS}
    row |= {"file": f"{base_labels[first['codec']]}, quality {settings['quality']:g}", "images": len(group)}
    of_image, of_set = set_metrics.split_names(metrics)
    keys = [image_metrics.get(name).key for name in of_image]
    row |= {key: _mean(group, key) for key in dict.fromkeys([*_MEANS, *keys])}
    row |= {set_metrics.SET_METRICS[name].key: scores.get(set_metrics.SET_METRICS[name].key) for name in of_set}
    failed = [f"{record['image']}: {record['error']}" for record in group if "error" in record]
    row |= {name: count for name, count in scores.items() if name.startswith("patches")}
    return row | {"error": "; ".join(failed) or None}


def _mean(group: list[Record], key: str) -> float | None:
    values = [record.get(key) for record in group]
    return None if any(value is None for value in values) else float(np.mean(np.array(values, dtype=np.float64)))


def _logarithmic(curve: Curve) -> Curve:
    """A curve of a distance over a whole set on a logarithmic axis; any other curve as it is."""
    if curve.metric not in set_metrics.SET_METRICS:
        return curve
    pairs = [(b, math.log10(v)) for b, v in zip(curve.bpp, curve.values, strict=True) if v > 0]
    return replace(curve, bpp=tuple(b for b, _ in pairs), values=tuple(v for _, v in pairs))


def _percent(anchor: Curve, test: Curve | None) -> float | None:
    if test is None:
        return None
    if anchor is test:
        return 0.0
    try:
        return curves.bd_rate(anchor, test).percent
    except curves.NoOverlap:
        return None
