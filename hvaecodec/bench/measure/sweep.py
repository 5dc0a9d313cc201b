"""Measures codecs on images over their settings: what `bench.rate_distortion` and `bench.rate_perception` call."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench import check, usable
from hvaecodec.bench.measure import record_files, runner, user_inputs
from hvaecodec.bench.measure.result_table import ResultTable
from hvaecodec.bench.metrics import set_metrics
from hvaecodec.codec.settings import check_number


def measure_sweep(
    codecs: Any,
    images: Any,
    metrics: Sequence[str],
    *,
    temperatures: Sequence[float] = (),
    quality: Sequence[float] | None = None,
    effort: int | None = None,
    data: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    threads: int | None = None,
    out: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> ResultTable:
    """Measure every codec at every setting and temperature on every image; see `bench.rate_perception`.

    At each quality one file is decoded at every temperature. out: a folder that keeps records and features.
    """
    check(metrics=metrics)
    for value in quality or ():
        check_number("a quality", value)
    metrics = usable(metrics)
    of_image, of_set = set_metrics.split_names(metrics)
    specs, base_labels = user_inputs.codec_specs(codecs, temperatures, effort)
    dataset, pictures = user_inputs.named_images(images, data)
    with contextlib.ExitStack() as stack:
        folder = Path(out if out is not None else stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(runner.torch_threads(threads))
        earlier, add_record = record_files.open_records(folder, fresh)
        stack.enter_context(record_files.alone_in(folder))
        features = set_metrics.FeatureStore(folder, of_set) if of_set else None
        records = runner.measure_codecs(
            pictures[:limit],
            specs,
            of_image,
            dataset=dataset,
            qualities=quality,
            earlier=earlier,
            add_record=add_record,
            store=features,
            progress=progress,
        )
        sets = set_metrics.score_sets(records, features, of_set) if features is not None else []
    return ResultTable.from_records(records, sets, tuple(metrics), base_labels)
