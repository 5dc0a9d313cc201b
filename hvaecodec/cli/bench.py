"""`hvaecodec bench`: codecs against baselines on a data set."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from hvaecodec.cli.console import BAD_INPUT, Debug, errors, say
from hvaecodec.codec.files import check_target

_DEFAULT_CODEC, _DEFAULT_BASELINE = "dct-vae-photo", "jpeg"


def bench(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="kodak, photos, valid, cifar10, or a folder of images.")
    ],
    codec: Annotated[
        list[str] | None,
        typer.Option(help=f"One of ours, as in {_DEFAULT_CODEC}@effort=1 or hqa-photo@quality=10/50; may be repeated."),
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="As in jpeg, webp@method=4, compressai:mbt2018-mean; may be repeated.")
    ] = None,
    quality: Annotated[str, typer.Option(help="Qualities of our codecs with commas between, 1..100.")] = "",
    effort: Annotated[int | None, typer.Option(min=1, max=3, help="Effort of our codecs.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="psnr, ms-ssim, lpips, dists …; over the whole set fd-cifar, fid-64 …: docs/METRICS.md; may be repeated."
        ),
    ] = None,
    anchor: Annotated[str, typer.Option(help="The codec BD-rates are against; the first baseline if not given.")] = "",
    published: Annotated[
        str, typer.Option(help="Published Kodak curves with commas between, as in hyperprior,qarv_base,vtm18.0.")
    ] = "",
    data: Annotated[Path | None, typer.Option(help="Folder of the data set's files.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results; runs/bench-DATASET if not given.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many images.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of our codecs.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with tables, plots and pictures to this file.")
    ] = None,
    report_rates: Annotated[
        str, typer.Option(help="Bits per pixel at which the page shows files, with commas between.")
    ] = "0.15,0.4",
    report_images: Annotated[int, typer.Option(min=0, help="How many images the page shows.")] = 24,
    report_megabytes: Annotated[float, typer.Option(min=0, help="The most that the page's pictures take.")] = 38,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what OUT already has.")] = False,
    debug: Debug = False,
) -> None:
    """Measure codecs: size, distortion, time and memory of files, decoded by a fresh decoder.

    Adds one JSON line a measurement to OUT/records.jsonl, and reuses lines there that still hold; writes table.md
    and plots into OUT, and the tables to stdout; with --report also a page that shows the pictures side by side.
    """
    with errors(debug):
        from hvaecodec import bench as api

        codecs = codec or ([] if baseline else [_DEFAULT_CODEC])
        baselines = baseline or ([] if codec else [_DEFAULT_BASELINE])
        folder = out or Path("runs") / f"bench-{Path(dataset).name}"
        metrics = metric or ["psnr", "ms-ssim"]
        curves = [name for name in published.split(",") if name]
        api.check(metrics=metrics, published=curves)
        metrics = api.usable(metrics)
        rates = _numbers(report_rates) or []
        if report is not None:
            check_target(report, force=True)
        with _bar() as progress:
            records = api.run(
                dataset,
                [*codecs, *baselines],
                quality=_numbers(quality),
                effort=effort,
                metrics=metrics,
                data=data,
                limit=limit,
                threads=threads,
                out=folder,
                fresh=fresh,
                progress=progress,
            )
        against = anchor or next((r["codec"] for r in records if r["baseline"]), records[0]["codec"])
        sets = api.score_sets(records, folder, metrics)
        paths = api.write_report(records, folder, metrics=metrics, anchor=against, published=curves, sets=sets)
        _show(records, metrics, against, curves, sets)
        if report is not None:
            with _bar() as progress:
                paths["report"] = api.write_html(
                    records,
                    report,
                    api.load_dataset(dataset, data)[:limit],
                    metrics=metrics,
                    anchor=against,
                    published=curves,
                    sets=sets,
                    rates=rates,
                    n_images=report_images,
                    megabytes=report_megabytes,
                    out=folder,
                    command=shlex.join(["hvaecodec", *sys.argv[1:]]),
                    progress=progress,
                )
        say(f"written: {folder / 'records.jsonl'}, {', '.join(str(path) for path in paths.values())}")
        n_failed = sum("error" in record for record in records)
        if n_failed:
            say(f"error: {n_failed} of {len(records)} measurements failed; the last table says why")
            raise typer.Exit(BAD_INPUT)


def _numbers(text: str) -> list[float] | None:
    try:
        return [float(part) for part in text.split(",") if part] or None
    except ValueError as error:
        raise ValueError(f"--quality and --report-rates want numbers with commas between, not {text!r}") from error


def _show(
    records: list[dict[str, Any]], metrics: list[str], anchor: str, published: list[str], sets: list[dict[str, Any]]
) -> None:
    from hvaecodec.bench.show import tables

    found = tables.all_tables(records, metrics, anchor, published, sets)
    if not sys.stdout.isatty():
        print(tables.to_markdown(found), end="")
        return
    from rich.console import Console

    for table in found:
        Console().print(table.rich())


@contextmanager
def _bar() -> Iterator[Callable[[int, int, str], None] | None]:
    """A progress bar on stderr, none if that is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("bench", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
