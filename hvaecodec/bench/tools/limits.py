"""Measures what a stranger's file can cost: `python -m hvaecodec.bench.tools.limits`.

Of every codec with weights in the package there are two files: a photo laid out to so many megapixels, and one that
declares as many and holds nothing, since empty streams decode to a picture too and no file is smaller. Each decoding
runs in a process of its own, after a tiny picture was decoded there. `--write docs/SECURITY.md` puts the table between
the two markers of that page.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

import hvaecodec
from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.measure import memory
from hvaecodec.bench.measure.isolated import mosaic
from hvaecodec.bench.show.table import Table, to_markdown
from hvaecodec.bench.tools import command, pages
from hvaecodec.codec import registry
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.container import pack, unpack
from hvaecodec.codec.format.limits import DECODED_PIXELS, MAX_PIXELS, pixels_in_tiles

BOMB_SIDE = 16384
CALLS: dict[str, Callable[..., Any]] = {  # what a server does with a file that it takes
    "symbols": hvaecodec.symbols,
    "info(estimate=True)": partial(hvaecodec.info, estimate=True),
    "decode": hvaecodec.decode,
    "decode, temperature 1": partial(hvaecodec.decode, temperature=1.0),
    "decode, scale 1/8": partial(hvaecodec.decode, scale=1 / 8),
}


@dataclass(frozen=True)
class Cost:
    """What a call took: seconds, and the bytes of memory at its peak above what the process held before."""

    seconds: float
    n_bytes: int


@dataclass(frozen=True)
class Sample:
    """A file to measure. pixels: that it declares, in whole tiles; small: a tiny file of the same codec."""

    codec: str
    holds: str
    data: bytes
    pixels: int
    small: bytes


def installed_codecs() -> list[str]:
    """Return the names of the codecs whose weights are in the package."""
    return [model["name"] for model in hvaecodec.models() if model["installed"]]


def samples_of(codec: str, photo: Any, megapixels: float) -> Iterator[Sample]:
    """Make the two files of a codec: the photo, uint8 (H, W, 3), laid out to a size, and nothing of that size."""
    encode = partial(registry.shared(codec).encode, effort=1)
    picture, small = encode(mosaic(photo, megapixels)), encode(photo[:32, :32])
    header = unpack(picture).header
    empty = pack(header, [b""] * len(unpack(picture).levels))
    for holds, data in (("a photo", picture), ("nothing", empty)):
        yield Sample(codec, holds, data, pixels_in_tiles(header.height, header.width), small)


def bomb_of(data: bytes, side: int = BOMB_SIDE) -> bytes:
    """Return a file with the header of another one that declares a square of `side` pixels and holds nothing."""
    container = unpack(data)
    return pack(replace(container.header, height=side, width=side), [b""] * len(container.levels))


def milliseconds_of(call: Callable[[], Any], repeat: int = 9) -> float:
    """Return the median milliseconds of a call that may refuse, after one that is not counted."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        with suppress(CodecError):
            call()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times[1:])


def cost_of(name: str, data: bytes, small: bytes) -> Cost | None:
    """Measure one of `CALLS` on a file in this process, after the same on a tiny one; None if it refuses the file."""
    call = CALLS[name]
    call(small)
    before = memory.resident()
    start = time.perf_counter()
    with memory.PeakMemory() as peak:
        try:
            call(data, max_pixels=MAX_PIXELS)
        except CodecError:
            return None
    return Cost(time.perf_counter() - start, max(0, (peak.n_bytes or memory.process_peak()) - before))


def cost_in_process(name: str, sample: Sample) -> Cost | None:
    """Measure as `cost_of` does, in a fresh process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(cost_of, (name, sample.data, sample.small))


def by_header(samples: list[Sample]) -> Table:
    """Return a table of milliseconds for what needs the header alone: to describe a file, and to refuse a bomb."""
    rows: list[tuple[str, ...]] = []
    for sample in samples:
        if sample.holds == "nothing":
            continue
        bomb = bomb_of(sample.data)
        described = milliseconds_of(partial(hvaecodec.info, sample.data))
        refused = [milliseconds_of(partial(call, bomb)) for call in (hvaecodec.info, *CALLS.values())]
        rows.append((sample.codec, str(len(sample.data)), f"{described:.2f}", str(len(bomb)), f"{max(refused):.2f}"))
    header = (
        "codec",
        "bytes of a photo",
        "`info` ms",
        f"bytes of a bomb of {BOMB_SIDE} × {BOMB_SIDE}",
        "refused in ms",
    )
    notes = [
        "Medians of nine calls after a first one, which imports what it needs. `info` reads every byte for its "
        "checksums. Refused is the slowest of `info` and of every call below, with the usual limit of "
        f"{DECODED_PIXELS} pixels."
    ]
    return Table("By the header alone", header, rows, notes)


def by_megapixel(samples: list[Sample], measure: Callable[[str, Sample], Cost | None] = cost_in_process) -> Table:
    """Return a table of seconds and megabytes for each megapixel that a file declares, by codec and call."""
    rows: list[tuple[str, ...]] = []
    for sample in samples:
        for name in CALLS:
            cost, megapixels = measure(name, sample), sample.pixels / 1e6
            cells = (
                ("refused", "refused")
                if cost is None
                else (f"{cost.seconds / megapixels:.2f}", f"{math.ceil(cost.n_bytes / 1e6 / megapixels)}")
            )
            rows.append((f"{sample.codec}, {sample.holds}, `{name}`", str(len(sample.data)), *cells))
    size = samples[0].pixels / 1e6 if samples else 0
    note = (
        f"Files of {size:.2f} megapixels in whole tiles, one call each; memory is what the process took above what "
        f"it held with weights loaded. {pages.machine()}"
    )
    return Table("For each megapixel that a file declares", ("file and call", "bytes", "s", "MB"), rows, [note])


def main(
    *,
    codec: Annotated[list[str] | None, typer.Option(help="All with weights in the package if not given.")] = None,
    megapixels: float = 1,
    dataset: str = "photos",
    data: Path | None = None,
    write: pages.Page = None,
) -> None:
    """Measure seconds and memory of files that a stranger may send."""
    photo = load_dataset(dataset, data)[0].pixels()
    samples = [sample for name in codec or installed_codecs() for sample in samples_of(name, photo, megapixels)]
    pages.show("limits", to_markdown([by_header(samples), by_megapixel(samples)]), write)


if __name__ == "__main__":
    command.run(main)
