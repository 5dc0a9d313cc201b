"""`hvaecodec bench` measures codecs against baselines on a data set."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hvaecodec.cli.bars import counting_bar
from hvaecodec.cli.console import BAD_INPUT, Debug, errors, say

EXAMPLES = """
hvaecodec bench kodak --baseline jpeg --report report.html
hvaecodec bench photos --codec none --baseline webp --baseline avif --metric psnr
hvaecodec bench photos --codec dct-vae-photo@temperature=1 --effort 1 --quality 10,40,70 --limit 2
"""

Record = dict[str, Any]  # a measurement, or a score of a whole set
Options = dict[str, Any]  # arguments that several calls below share, by name
_USUAL_METRICS = ["psnr", "ms-ssim"]

# what is measured
Dataset = Annotated[
    str, typer.Argument(metavar="DATASET", help="The images: kodak, photos, valid, cifar10, or a folder.")
]
Codecs = Annotated[
    list[str] | None,
    typer.Option(
        help="One of our codecs, as in dct-vae-photo@effort=1 or hqa-photo@quality=10/50; none measures baselines "
        "alone. Without it the default codec. May be repeated."
    ),
]
Baselines = Annotated[
    list[str] | None,
    typer.Option(
        help="A codec to compare with, as in jpeg, webp@method=4, compressai:mbt2018-mean; jpeg if neither --codec nor "
        "--baseline is given. May be repeated."
    ),
]
Quality = Annotated[str, typer.Option(help="Qualities of our codecs, 1..100, separated by commas.")]
Effort = Annotated[int | None, typer.Option(min=1, max=3, help="How hard our encoders search: 1 is fast, 3 slow.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        help="psnr, ms-ssim, lpips, dists …, or over the whole set fd-cifar, fid-64 …; see docs/METRICS.md. "
        "May be repeated."
    ),
]
Data = Annotated[Path | None, typer.Option(help="Folder with the files of the data set.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Measure only the first N images.", metavar="N")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of our codecs.")]
# what it is compared with
Anchor = Annotated[str, typer.Option(help="The codec that BD-rates compare with; the first baseline if not given.")]
Published = Annotated[
    str,
    typer.Option(
        help="Published Kodak curves to show as well, separated by commas, as in hyperprior,qarv_base,vtm18.0."
    ),
]
# where the results go
Out = Annotated[Path | None, typer.Option(help="Folder for the results; runs/bench-DATASET if not given.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure everything again, also what OUT already holds.")]
Report = Annotated[Path | None, typer.Option(help="Write a web page with tables, plots and pictures to this file.")]
ReportRates = Annotated[str, typer.Option(help="Bits per pixel at which the page shows pictures, separated by commas.")]
ReportImages = Annotated[int, typer.Option(min=0, help="How many images the page shows.")]
ReportMegabytes = Annotated[float, typer.Option(min=0, help="Largest total size of the pictures in the page.")]


def bench(
    dataset: Dataset,
    *,
    codec: Codecs = None,
    baseline: Baselines = None,
    quality: Quality = "",
    effort: Effort = None,
    metric: Metrics = None,
    data: Data = None,
    limit: Limit = None,
    threads: Threads = None,
    anchor: Anchor = "",
    published: Published = "",
    out: Out = None,
    fresh: Fresh = False,
    report: Report = None,
    report_rates: ReportRates = "0.15,0.4",
    report_images: ReportImages = 24,
    report_megabytes: ReportMegabytes = 38,
    debug: Debug = False,
) -> None:
    """Measure codecs: file size, distortion, time and memory. Every file is decoded by a new decoder object.

    Each measurement is one line of JSON in OUT/records.jsonl; lines there that are still valid are reused. The command
    writes table.md and plots into OUT, prints the tables, and with --report writes a page that shows the pictures side
    by side.
    """
    with errors(debug):
        from hvaecodec import bench as api

        codecs, curves = _named_codecs(codec, baseline), [name for name in published.split(",") if name]
        metrics = _metrics_to_measure(metric or _USUAL_METRICS, curves)
        sweep: Options = {
            "quality": _numbers("--quality", quality) or None,
            "effort": effort,
            "limit": limit,
            "threads": threads,
        }
        page: Options = {
            "rates": _numbers("--report-rates", report_rates),
            "n_images": report_images,
            "megabytes": report_megabytes,
        }
        folder = out or Path("runs") / f"bench-{Path(dataset).name}"
        _check_page(report, folder)
        if not report_megabytes >= 0:
            raise ValueError(f"--report-megabytes is {report_megabytes}, must be a number from 0 on")
        with counting_bar() as progress:
            records = api.run(
                dataset, codecs, metrics=metrics, data=data, out=folder, fresh=fresh, progress=progress, **sweep
            )
        for name, notes in {record["image"]: record["notes"] for record in records if "notes" in record}.items():
            say(f"note: {name}: {'; '.join(notes)}")
        shown: Options = {
            "metrics": metrics,
            "anchor": anchor or _first_baseline(records),
            "published": curves,
            "sets": api.score_sets(records, folder, metrics),
        }
        paths = api.write_report(records, folder, **shown)
        _print_tables(records, **shown)
        if report is not None:
            images = api.load_dataset(dataset, data)[:limit]
            paths["report"] = _write_page(records, report, images, out=folder, **shown, **page)
        say(f"written: {folder / 'records.jsonl'}, {', '.join(str(path) for path in paths.values())}")
        _exit_if_any_failed(records)


def _named_codecs(codecs: list[str] | None, baselines: list[str] | None) -> list[str]:
    from hvaecodec.bench.measure.specs import codecs_to_measure

    return codecs_to_measure(codecs or [], baselines or [])


def _metrics_to_measure(metrics: list[str], curves: list[str]) -> list[str]:
    """Refuse unknown names of metrics and curves before any time is spent, and leave out what cannot be had here."""
    from hvaecodec import bench as api

    api.check(metrics=metrics, published=curves)
    return api.usable(metrics)


def _check_page(report: Path | None, folder: Path) -> None:
    """Raise CodecError if the page cannot be written; the folder of the results need not be there yet."""
    from hvaecodec.codec.files import check_target

    if report is not None and (report.parent.exists() or report.parent.resolve() != folder.resolve()):
        check_target(report, force=True)


def _numbers(option: str, text: str) -> list[float]:
    """Return the numbers of an option with commas between; "" is none of them. Raises ValueError."""
    try:
        numbers = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        numbers = [math.nan]
    if not all(0 < number < math.inf for number in numbers):
        raise ValueError(f"{option} wants numbers above 0 with commas between, not {text!r}")
    return numbers


def _first_baseline(records: Sequence[Record]) -> str:
    """Return the codec that BD-rates are against if none is named: the first baseline, or else the first codec."""
    names = [record["codec"] for record in records if record["baseline"]] or [records[0]["codec"]]
    return str(names[0])


def _print_tables(
    records: Sequence[Record], *, metrics: list[str], anchor: str, published: list[str], sets: list[Record]
) -> None:
    from hvaecodec.bench.show import tables

    filled = tables.all_tables(records, metrics, anchor, published, sets)
    if not sys.stdout.isatty():
        print(tables.to_markdown(filled), end="")
        return
    from rich.console import Console

    for table in filled:
        Console().print(table.rich())


def _write_page(records: Sequence[Record], path: Path, images: Sequence[Any], **options: Any) -> Path:
    from hvaecodec import bench as api

    command = shlex.join(["hvaecodec", *sys.argv[1:]])
    with counting_bar() as progress:
        return api.write_html(records, path, images, command=command, progress=progress, **options)


def _exit_if_any_failed(records: Sequence[Record]) -> None:
    n_failed = sum("error" in record for record in records)
    if n_failed:
        say(f"error: {n_failed} of {len(records)} measurements failed; the last table says why")
        raise typer.Exit(BAD_INPUT)
