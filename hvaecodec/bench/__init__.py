"""Measures codecs, ours or anybody's: `rate_distortion` and `rate_perception` return a table, ready to plot.

    from hvaecodec import bench
    table = bench.rate_distortion(["dct-vae-photo@effort=1", "jpeg", MyCodec()], "photos")
    table.bd_rate(anchor="jpeg")  # {"dct-vae-photo@effort=1": …, …} in per cent
    table.plot("psnr", "plot.png")

The parts, as the command uses them: `run` returns a record for each picture, `curves_of` turns records into curves,
`write_report` and `write_html` write files to read.

Importing it is cheap: torch, matplotlib and scipy load when a call needs them.
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
    """Measure size and distortion of every codec at every setting, and return a row for each, averaged over the images.

    The arguments are those of `rate_perception`. Raises ValueError for a metric of whole sets.
    """
    from hvaecodec.bench.measure import sweep
    from hvaecodec.bench.metrics import set_metrics

    of_set = set_metrics.split_names(metrics)[1]
    if of_set:
        raise ValueError(f"{of_set[0]} is a metric of whole sets; rate_perception takes it")
    return sweep.measure_sweep(codecs, images, metrics, **options)


def rate_perception(codecs: Any, images: Any, metrics: Sequence[str] | None = None, **options: Any) -> ResultTable:
    """Measure size, perception and distortion of every codec at every setting, and return a row for each.

    A row has means over the images, and the distances over all of them.

    codecs: one or more of: a specification as `run` takes it, an object with `encode(image, quality=…)` and
    `decode(data)`, a class or function that makes one; or a dict of them by the name to print.
    images: the name of a data set or folder, or images (arrays, PIL images, paths), or a dict of them by name.
    metrics: if None, LPIPS, DISTS, FD-cifar, KD-cifar and PSNR. The first two need weights, which docs/METRICS.md says
    how to get; without them a warning says that they are left out, and only who names them has them downloaded.
    Options: `temperatures`, at which every codec that can decodes the same file again; `quality`, `effort`, `data`,
    `limit`, `threads`, `out`, `fresh` and `progress` as in `run`.
    Raises ValueError for an unknown name, TypeError for an object that is no codec.
    """
    from hvaecodec.bench.measure import sweep

    return sweep.measure_sweep(codecs, images, _at_hand(_PERCEPTION) if metrics is None else metrics, **options)


def _at_hand(metrics: Sequence[str]) -> list[str]:
    """Those of some metrics whose weights lie on this machine; a warning names the others in one line."""
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
    """Encode and decode every image of `dataset` with every codec at every setting, and return a record of each.

    codecs: specifications such as `dct-vae-photo@effort=1`, `jpeg`, `webp@method=4`, `compressai:mbt2018-mean`.
    quality: the sweep of our own codecs; baselines sweep their `settings`, `hqa-photo@quality=10/50` what it names.
    effort: of our codecs whose specification has none. data: where the files of the data set lie.
    limit: how many images, the first ones. threads: of torch. progress: called with how many measurements are done, how
    many there are, and what comes next. out: a folder whose `records.jsonl` is added to; lines in it that still hold
    are reused unless `fresh`. Metrics of a whole set, as in `fd-cifar`, need it: the features of decoded pictures are
    stored there for `score_sets`.
    Raises ValueError for an unknown name, DatasetError (an OSError) if the pictures cannot be had.
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
    """Return those of `metrics` whose libraries and weights can be had, and warn of each other in one line.

    Raises ValueError if none can be had, or one has an unknown name.
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
    """Return one curve for each codec in the records, with the rates of files.

    See `hvaecodec.bench.show.curves.from_records`.
    """
    from hvaecodec.bench.show import curves

    return curves.from_records(records, metric)


def bd_rate(anchor: Curve, test: Curve) -> BDRate:
    """Return how many per cent more bits `test` takes than `anchor` at equal distortion.

    See `hvaecodec.bench.show.curves.bd_rate` for the formula. Raises its NoOverlap, a ValueError.
    """
    from hvaecodec.bench.show import curves

    return curves.bd_rate(anchor, test)


def score_sets(
    records: Sequence[dict[str, Any]], out: str | os.PathLike[str], metrics: Sequence[str] = ("fd-cifar", "kd-cifar")
) -> list[dict[str, Any]]:
    """Score whole sets, for every codec and setting that `run` measured into `out`, and write `sets.json` there.

    Metrics of single images in `metrics` are left out. See `hvaecodec.bench.metrics.set_metrics.score_sets`.
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

    anchor: the codec that BD-rates are against. published: names of published Kodak curves. sets: from `score_sets`.
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
    """Write the report to `path` and return the path: one page with tables, plots, and the pictures side by side.

    images: what `run` measured, from `load_dataset`. rates: bits per pixel at which files are shown, 0.15 and 0.4 if
    empty. n_images, megabytes: how many images, and the most that the page may take. out: where packed pictures are
    kept for the next time. The page needs no network. Files are made again for it; one that differs from its record is
    not shown. command: what made the records, for the page to say.
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
