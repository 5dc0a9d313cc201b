"""Measures codecs, ours or anybody's: `rate_distortion` and `rate_perception` return a table that can be plotted.

    from hvaecodec import bench
    table = bench.rate_distortion(["dct-vae-photo@effort=1", "jpeg", MyCodec()], "photos")
    table.bd_rate(anchor="jpeg")  # {"dct-vae-photo@effort=1": …, …} in per cent
    table.plot("psnr", "plot.png")

The command `hvaecodec bench` uses the other functions: `run` returns one record (a dict, one measurement) for each
picture, `curves_of` turns records into curves, and `write_report` and `write_html` write tables, plots and a page.

Importing this package is cheap: torch, matplotlib and scipy load when a call needs them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvaecodec.codec.backends import require_torch

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage
    from hvaecodec.bench.measure.result_table import ResultTable
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

require_torch("the bench")

_PERCEPTION = ("lpips", "dists", "fd-cifar", "kd-cifar", "psnr")


def rate_distortion(
    codecs: Any, images: Any, metrics: Sequence[str] = ("psnr", "ms-ssim"), **options: Any
) -> ResultTable:
    """Measure size and distortion of every codec at every setting, and return one row for each, averaged over images.

    The arguments are those of `rate_perception`. Raises ValueError for a metric that belongs to a whole set of images,
    such as `fd-cifar`.
    """
    from hvaecodec.bench.measure import sweep
    from hvaecodec.bench.metrics import set_metrics

    of_set = set_metrics.split_names(metrics)[1]
    if of_set:
        raise ValueError(f"{of_set[0]} is a metric of whole sets; rate_perception takes it")
    return sweep.measure_sweep(codecs, images, metrics, **options)


def rate_perception(codecs: Any, images: Any, metrics: Sequence[str] | None = None, **options: Any) -> ResultTable:
    """Measure size, perception and distortion of every codec at every setting, and return one row for each.

    Metrics of one image are averaged over the images; metrics of a whole set compare all of them at once.

    codecs: one codec, a list of codecs, or a dict of codecs by the name to print. A codec is a specification as `run`
    takes it, an object with `encode(image, quality=…)` and `decode(data)`, or a class or function that makes one.
    images: the name of a data set or folder; or a list of images (arrays, PIL images, paths), or a dict of them by
    name.
    metrics: None means LPIPS, DISTS, FD-cifar, KD-cifar and PSNR. The first two need weights (docs/METRICS.md says how
    to get them). If these are not on this machine, a warning says that the two are left out; name them to have the
    weights downloaded.
    Options: `temperatures`, at each of which a codec whose `decode` has a temperature decodes the same file; and
    `quality`, `effort`, `data`, `limit`, `threads`, `out`, `fresh` and `progress` as in `run`. `quality` also replaces
    the `settings` of an object.
    Raises ValueError for an unknown name, TypeError for an object that is not a codec.
    """
    from hvaecodec.bench.measure import sweep

    return sweep.measure_sweep(codecs, images, _at_hand(_PERCEPTION) if metrics is None else metrics, **options)


def _at_hand(metrics: Sequence[str]) -> list[str]:
    """Return those metrics whose weights are on this machine; a warning names the others in one line."""
    from hvaecodec.bench.metrics import image_metrics, set_metrics

    missing = [name for name in set_metrics.split_names(metrics)[0] if not image_metrics.get(name).at_hand()]
    if missing:
        words = "their weights are not on this machine; docs/METRICS.md says how to get them"
        warnings.warn(f"{' and '.join(missing)} left out: {words}", stacklevel=3)
    return [name for name in metrics if name not in missing]


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
    """Encode and decode every image of a data set with every codec at every setting, and return one record for each.

    codecs: specifications such as `dct-vae-photo@effort=1`, `jpeg`, `webp@method=4`, `compressai:mbt2018-mean`.
    quality: the qualities at which our own codecs are measured. Baselines are measured at their own `settings`, and
    a specification such as `hqa-photo@quality=10/50` at those that it names.
    effort: for our codecs whose specification states none. data: the folder with the files of the data set.
    limit: measure only so many images, the first ones. threads: how many threads torch uses. progress: is called with
    the number of finished measurements, the number of all, and what comes next.
    out: a folder whose file `records.jsonl` gets the new records; records in it that are still valid are reused unless
    `fresh`. Metrics of a whole set, such as `fd-cifar`, need `out`, which keeps the features of the decoded pictures
    for `score_sets`.
    Raises ValueError for an unknown name, DatasetError (an OSError) if the pictures are not available.
    """
    from hvaecodec.bench.data import datasets
    from hvaecodec.bench.measure import record_files, runner, specs
    from hvaecodec.bench.metrics import set_metrics
    from hvaecodec.codec.settings import check_quality

    check(metrics=metrics)
    of_image, of_set = set_metrics.split_names(usable(metrics))
    if of_set and out is None:
        raise ValueError(f"{of_set[0]} needs out=, where it keeps what it sees of every decoded picture")
    codec_specs = [specs.parse(text, effort) for text in codecs]
    if len({spec.label for spec in codec_specs}) < len(codec_specs):
        raise ValueError(f"a codec is named twice in {', '.join(spec.label for spec in codec_specs)}")
    if effort is not None and effort not in (1, 2, 3):
        raise ValueError(f"effort is 1, 2 or 3, not {effort}")
    for value in quality or ():
        check_quality(value)
    images = datasets.load_dataset(dataset, data)[:limit]
    earlier, add_record = record_files.open_records(out, fresh)
    store = set_metrics.FeatureStore(Path(out), of_set) if out is not None and of_set else None
    with record_files.alone_in(out), runner.torch_threads(threads):
        return runner.measure_codecs(
            images,
            codec_specs,
            of_image,
            dataset=dataset,
            qualities=quality,
            earlier=earlier,
            add_record=add_record,
            store=store,
            progress=progress,
        )


def check(*, metrics: Sequence[str] = (), published: Sequence[str] = ()) -> None:
    """Raise ValueError for a metric or a published curve that does not exist, before any time is spent."""
    from hvaecodec.bench.metrics import image_metrics, set_metrics
    from hvaecodec.bench.show import curves

    for name in set_metrics.split_names(metrics)[0]:
        if name not in image_metrics.METRICS:
            listed = ", ".join([*image_metrics.METRICS, *set_metrics.SET_METRICS])
            raise ValueError(f"no metric {name!r}; there are {listed}")
    for name in published:
        curves.published_entry(name)


def usable(metrics: Sequence[str]) -> list[str]:
    """Return those metrics whose libraries and weights are available; each of the others is one line of warning.

    Missing weights are downloaded if that is possible. Raises ValueError if no metric is available, or for an unknown
    name.
    """
    from hvaecodec.bench.metrics import image_metrics, set_metrics
    from hvaecodec.codec.errors import CodecUnavailable

    names = []
    for name in metrics:
        try:
            (set_metrics.SET_METRICS.get(name) or image_metrics.get(name)).ready()
        except CodecUnavailable as reason:
            warnings.warn(f"{name} is left out: {reason}", stacklevel=2)
        else:
            names.append(name)
    if metrics and not names:
        raise ValueError("none of the metrics can be had")
    return names


def load_dataset(name: str, data: str | os.PathLike[str] | None = None) -> list[NamedImage]:
    """Return the images of a data set; see `hvaecodec.bench.data.datasets.load_dataset`."""
    from hvaecodec.bench.data import datasets

    return datasets.load_dataset(name, data)


def curves_of(records: Sequence[dict[str, Any]], metric: str = "psnr") -> dict[str, Curve]:
    """Return one curve for each codec in the records: a metric against the bits per pixel of its files.

    See `hvaecodec.bench.show.curves.from_records`.
    """
    from hvaecodec.bench.show import curves

    return curves.from_records(records, metric)


def bd_rate(anchor: Curve, test: Curve) -> BDRate:
    """Return how many per cent more bits `test` takes than `anchor` at an equal value of the metric (BD-rate).

    See `hvaecodec.bench.show.curves.bd_rate` for the formula. Raises NoOverlap, a ValueError, if the two curves have no
    common range.
    """
    from hvaecodec.bench.show import curves

    return curves.bd_rate(anchor, test)


def score_sets(
    records: Sequence[dict[str, Any]], out: str | os.PathLike[str], metrics: Sequence[str] = ("fd-cifar", "kd-cifar")
) -> list[dict[str, Any]]:
    """Compute metrics of the whole set for every codec and setting that `run` measured, and write them to `sets.json`.

    records: from `run`, called with the same folder `out`, where `sets.json` is written. Metrics of single images in
    `metrics` are ignored. See `hvaecodec.bench.metrics.set_metrics.score_sets` for what is returned.
    """
    from hvaecodec.bench.metrics import set_metrics

    names = set_metrics.split_names(metrics)[1]
    if not names:
        return []
    scores = set_metrics.score_sets(records, set_metrics.FeatureStore(Path(out), names), names)
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
    """Write `table.md` and a plot for each metric into the folder `out`, and return the paths by name.

    records: from `run`. anchor: the codec that BD-rates compare with. published: names of published Kodak curves to
    draw as well. sets: from `score_sets`.
    """
    from hvaecodec.bench.show import output

    return output.write_tables_and_plots(
        records, Path(out), metric_names=metrics, anchor=anchor, published=published, sets=sets
    )


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
    """Write the report, one page with tables, plots and the pictures side by side, to `path`, and return the path.

    images: the images that `run` measured, from `load_dataset`. rates: the bits per pixel at which files are shown; an
    empty sequence means 0.15 and 0.4. n_images: how many images are shown. megabytes: the largest total size of their
    pictures. out: a folder that keeps the pictures in the form in which the page holds them, for the next report.
    command: the command line that made the records; the page shows it.
    The page needs no network. Every file that it shows is encoded again; one that differs from its record is not shown.
    """
    from hvaecodec.bench.show import report

    return report.write_page(
        records,
        Path(path),
        images,
        metric_names=metrics,
        anchor=anchor,
        published=published,
        sets=sets,
        choice=report.PictureChoice(tuple(rates) or report.DEFAULT_RATES, n_images, megabytes),
        folder=None if out is None else Path(out) / "pictures",
        command=command,
        progress=progress or (lambda done, total, what: None),
    )
