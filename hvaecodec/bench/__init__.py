"""Measures codecs, ours or anybody's: `rate_distortion` and `rate_perception` give a table, ready to plot.

    from hvaecodec import bench
    table = bench.rate_distortion(["dct-vae-photo@effort=1", "jpeg", MyCodec()], "photos")
    table.bd_rate(anchor="jpeg")  # {"dct-vae-photo@effort=1": …, …} in per cent
    table.plot("psnr", "plot.png")

The parts, as the command uses them: `run` gives a record for each picture, `curves_of` their curves, `write_report`
and `write_html` files to read.

Importing it is cheap: torch, matplotlib and scipy load when a call needs them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage
    from hvaecodec.bench.measure.result_table import Measured
    from hvaecodec.bench.show.curves import BDRate, Curve

__all__ = [
    "bd_rate",
    "check",
    "curves_of",
    "load_dataset",
    "rate_distortion",
    "rate_perception",
    "run",
    "score_sets",
    "usable",
    "write_html",
    "write_report",
]


def rate_distortion(codecs: Any, images: Any, metrics: Sequence[str] = ("psnr", "ms-ssim"), **options: Any) -> Measured:
    """Size and distortion of every codec at every setting; see `rate_perception` for what may be given.

    Raises ValueError for a metric of whole sets.
    """
    from hvaecodec.bench.measure import sweep
    from hvaecodec.bench.metrics import set_metrics

    of_set = set_metrics.split(metrics)[1]
    if of_set:
        raise ValueError(f"{of_set[0]} is a metric of whole sets; rate_perception takes it")
    return sweep.measure(codecs, images, metrics, **options)


def rate_perception(
    codecs: Any, images: Any, metrics: Sequence[str] = ("fd-cifar", "kd-cifar", "psnr"), **options: Any
) -> Measured:
    """Size, perception and distortion of every codec at every setting: a row each, averaged over the images.

    codecs: one or more of: a specification as `run` takes it, an object with `encode(image, quality=…)` and
    `decode(data)`, a class or function that makes one; or a dict of them by the name to print.
    images: the name of a data set or folder, or images (arrays, PIL images, paths), or a dict of them by name.
    Options: `temperatures`, at which every codec that can decodes the same file again; `quality`, `effort`, `data`,
    `limit`, `threads`, `out`, `fresh` and `progress` as in `run`.
    """
    from hvaecodec.bench.measure import sweep

    return sweep.measure(codecs, images, metrics, **options)


def run(
    dataset: str,
    codecs: Sequence[str],
    *,
    quality: Sequence[float] | None = None,
    effort: int | None = None,
    metrics: Sequence[str] = ("psnr", "ms-ssim"),
    data: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    threads: int | None = None,
    out: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[dict[str, Any]]:
    """Encode and decode every image of `dataset` with every codec at every setting; one record each.

    codecs: specifications such as `dct-vae-photo@effort=1`, `jpeg`, `webp@method=4`, `compressai:mbt2018-mean`.
    quality: the sweep of our own codecs; baselines sweep their `settings`, `hqa-photo@quality=10/50` what it names.
    limit: only the first images. out: a folder whose `records.jsonl` is added to; lines in it that still hold are
    reused unless `fresh`. Metrics of a whole set, as in `fd-cifar`, need it: the features of decoded pictures are kept
    there for `score_sets`.
    Raises ValueError for an unknown name, DatasetError (an OSError) if the pictures cannot be had.
    """
    from hvaecodec.bench.data import datasets
    from hvaecodec.bench.measure import runner, specs
    from hvaecodec.bench.metrics import set_metrics

    check(metrics=metrics)
    of_image, of_set = set_metrics.split(usable(metrics))
    if of_set and out is None:
        raise ValueError(f"{of_set[0]} needs out=, where it keeps what it sees of every decoded picture")
    chosen = [specs.parse(text, effort) for text in codecs]
    if len({spec.label for spec in chosen}) < len(chosen):
        raise ValueError(f"a codec is named twice in {', '.join(spec.label for spec in chosen)}")
    if effort is not None and effort not in (1, 2, 3):
        raise ValueError(f"effort is 1, 2 or 3, not {effort}")
    images = datasets.load_dataset(dataset, data)[:limit]
    known, keep = runner.store(out, fresh)
    keeper = set_metrics.FeatureStore(Path(out), of_set) if out is not None and of_set else None
    with runner.torch_threads(threads):
        return runner.run_all(
            images,
            chosen,
            of_image,
            dataset=dataset,
            qualities=quality,
            known=known,
            keep=keep,
            keeper=keeper,
            progress=progress,
        )


def check(*, metrics: Sequence[str] = (), published: Sequence[str] = ()) -> None:
    """Raise ValueError for a metric or published curve that we do not have, before any time is spent."""
    from hvaecodec.bench.metrics import image_metrics as known
    from hvaecodec.bench.metrics import set_metrics
    from hvaecodec.bench.show import curves

    for name in set_metrics.split(metrics)[0]:
        if name not in known.METRICS:
            listed = ", ".join([*known.METRICS, *set_metrics.SET_METRICS])
            raise ValueError(f"no metric {name!r}; there are {listed}")
    for name in published:
        curves.published_entry(name)


def usable(metrics: Sequence[str]) -> list[str]:
    """Those of `metrics` whose libraries and weights can be had; a UserWarning of one line for each other.

    Raises ValueError if there is none.
    """
    from hvaecodec.bench.metrics import image_metrics as known
    from hvaecodec.bench.metrics import set_metrics
    from hvaecodec.codec.errors import CodecUnavailable

    found = []
    for name in metrics:
        try:
            (set_metrics.SET_METRICS.get(name) or known.get(name)).ready()
        except CodecUnavailable as reason:
            warnings.warn(f"{name} is left out: {reason}", stacklevel=2)
        else:
            found.append(name)
    if metrics and not found:
        raise ValueError("none of the metrics can be had")
    return found


def load_dataset(name: str, data: str | os.PathLike[str] | None = None) -> list[NamedImage]:
    """The images of a data set; see `hvaecodec.bench.data.datasets.load_dataset`."""
    from hvaecodec.bench.data import datasets

    return datasets.load_dataset(name, data)


def curves_of(records: Sequence[dict[str, Any]], metric: str = "psnr") -> dict[str, Curve]:
    """One curve for each codec in the records, rates from files; see `hvaecodec.bench.show.curves.from_records`."""
    from hvaecodec.bench.show import curves

    return curves.from_records(records, metric)


def bd_rate(anchor: Curve, test: Curve) -> BDRate:
    """How many per cent more bits `test` takes than `anchor` at equal distortion; see `hvaecodec.bench.show.curves`."""
    from hvaecodec.bench.show import curves

    return curves.bd_rate(anchor, test)


def score_sets(
    records: Sequence[dict[str, Any]], out: str | os.PathLike[str], metrics: Sequence[str] = ("fd-cifar", "kd-cifar")
) -> list[dict[str, Any]]:
    """Metrics of whole sets for every (codec, setting) that `run` measured into `out`, also written to its `sets.json`.

    Other metrics in `metrics` are passed over. See `hvaecodec.bench.metrics.set_metrics.score`.
    """
    from hvaecodec.bench.metrics import set_metrics

    names = set_metrics.split(metrics)[1]
    if not names:
        return []
    scores = set_metrics.score(records, set_metrics.FeatureStore(Path(out), names), names)
    set_metrics.write_summary(scores, Path(out))
    return scores


def write_report(
    records: Sequence[dict[str, Any]],
    out: str | os.PathLike[str],
    *,
    metrics: Sequence[str] = ("psnr", "ms-ssim"),
    anchor: str = "jpeg",
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
) -> dict[str, Path]:
    """Write `table.md` and a plot for each metric into `out`; the paths by name. sets: from `score_sets`."""
    from hvaecodec.bench.show import output

    return output.write(records, Path(out), metric_names=metrics, anchor=anchor, published=published, sets=sets)


def write_html(
    records: Sequence[dict[str, Any]],
    path: str | os.PathLike[str],
    images: Sequence[NamedImage],
    *,
    metrics: Sequence[str] = ("psnr", "ms-ssim"),
    anchor: str = "jpeg",
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
    rates: Sequence[float] = (),
    n_images: int = 24,
    megabytes: float = 38,
    out: str | os.PathLike[str] | None = None,
    command: str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Write the report: one page that needs no network, with tables, plots, and the pictures side by side.

    images: what `run` measured, from `load_dataset`. rates: bits per pixel at which files are shown, 0.15 and 0.4 if
    empty. n_images, megabytes: how many images, and the most that the page may take. out: where packed pictures are
    kept for the next time. Files are made again for it; one that differs from its record is not shown.
    """
    from hvaecodec.bench.show import report

    return report.write(
        records,
        Path(path),
        images,
        metric_names=metrics,
        anchor=anchor,
        published=published,
        sets=sets,
        shown=report.Shown(tuple(rates) or report.DEFAULT_RATES, n_images, megabytes),
        store=None if out is None else Path(out) / "pictures",
        command=command,
        progress=progress or (lambda done, total, what: None),
    )
