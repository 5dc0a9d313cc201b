"""Measures codecs on data sets: `run` gives records, `rate_distortion` their curves, `write_report` files to read.

    from hvaecodec import bench
    records = bench.run("photos", ["dct-vae-photo@effort=1", "jpeg"])
    curves = bench.rate_distortion(records, "psnr")
    bench.bd_rate(curves["jpeg"], curves["dct-vae-photo@effort=1"]).percent

Importing it is cheap: torch, matplotlib and scipy load when a call needs them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hvaecodec.bench.curves import BDRate, Curve
    from hvaecodec.bench.datasets import NamedImage

__all__ = ["bd_rate", "check", "load_dataset", "rate_distortion", "run", "score_sets", "write_report"]


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
    quality: the sweep of our own codecs; baselines sweep their `settings`. limit: only the first images.
    out: a folder whose `records.jsonl` is added to; lines in it that still hold are reused unless `fresh`. Metrics of
    a whole set, as in `fd-cifar`, need it: the features of decoded pictures are kept there for `score_sets`.
    Raises ValueError for an unknown name, DatasetError (an OSError) if the pictures cannot be had.
    """
    from hvaecodec.bench import datasets, runner, set_metrics, specs

    check(metrics=metrics)
    of_image, of_set = set_metrics.split(metrics)
    if of_set and out is None:
        raise ValueError(f"{of_set[0]} needs out=, where it keeps what it sees of every decoded picture")
    chosen = [specs.parse(text, effort) for text in codecs]
    if len({spec.label for spec in chosen}) < len(chosen):
        raise ValueError(f"a codec is named twice in {', '.join(spec.label for spec in chosen)}")
    if effort is not None and effort not in (1, 2, 3):
        raise ValueError(f"effort is 1, 2 or 3, not {effort}")
    images = datasets.load_dataset(dataset, data)[:limit]
    known, keep = _store(out, fresh)
    keeper = set_metrics.FeatureStore(Path(out), of_set) if out is not None and of_set else None
    with runner.torch_threads(threads):
        return runner.run_all(
            images,
            chosen,
            ["mse", *(name for name in of_image if name != "mse")],
            dataset=dataset,
            qualities=quality,
            known=known,
            keep=keep,
            keeper=keeper,
            progress=progress or (lambda done, total, what: None),
        )


def check(*, metrics: Sequence[str] = (), published: Sequence[str] = ()) -> None:
    """Raise ValueError for a metric or published curve that we do not have, before any time is spent."""
    from hvaecodec.bench import curves, set_metrics
    from hvaecodec.bench import metrics as known

    for name in set_metrics.split(metrics)[0]:
        if name not in known.METRICS:
            listed = ", ".join([*known.METRICS, *set_metrics.SET_METRICS])
            raise ValueError(f"no metric {name!r}; there are {listed}")
    for name in published:
        curves.published_entry(name)


def load_dataset(name: str, data: str | os.PathLike[str] | None = None) -> list[NamedImage]:
    """The images of a data set; see `hvaecodec.bench.datasets.load_dataset`."""
    from hvaecodec.bench import datasets

    return datasets.load_dataset(name, data)


def rate_distortion(records: Sequence[dict[str, Any]], metric: str = "psnr") -> dict[str, Curve]:
    """One curve for each codec in the records, rates from files; see `hvaecodec.bench.curves.from_records`."""
    from hvaecodec.bench import curves

    return curves.from_records(records, metric)


def bd_rate(anchor: Curve, test: Curve) -> BDRate:
    """How many per cent more bits `test` takes than `anchor` at equal distortion; see `hvaecodec.bench.curves`."""
    from hvaecodec.bench import curves

    return curves.bd_rate(anchor, test)


def score_sets(
    records: Sequence[dict[str, Any]], out: str | os.PathLike[str], metrics: Sequence[str] = ("fd-cifar", "kd-cifar")
) -> list[dict[str, Any]]:
    """Metrics of whole sets for every (codec, setting) that `run` measured into `out`, also written to its `sets.json`.

    Other metrics in `metrics` are passed over. See `hvaecodec.bench.set_metrics.score`.
    """
    from hvaecodec.bench import set_metrics

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
    from hvaecodec.bench import output

    return output.write(records, Path(out), metric_names=metrics, anchor=anchor, published=published, sets=sets)


def _store(
    out: str | os.PathLike[str] | None, fresh: bool
) -> tuple[list[dict[str, Any]], Callable[[dict[str, Any]], None]]:
    """Records of earlier runs in `out`, and what keeps a new one there."""
    from hvaecodec.bench import runner

    if out is None:
        return [], lambda record: None
    path = Path(out) / "records.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and any(path.parent.iterdir()):
        raise FileExistsError(f"{path.parent} holds other files; give a new folder or one of an earlier run")
    path.touch()
    known = [] if fresh else runner.read_records(path)
    return known, lambda record: runner.append_record(path, record)
