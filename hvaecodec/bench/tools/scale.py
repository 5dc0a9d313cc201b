"""Measures time and peak memory of encode + decode from 1 to 100 megapixels: `python -m hvaecodec.bench.tools.scale`.

Each size is one fresh process that does both; its peak is the resident high-water mark of all of it, the interpreter,
the libraries, the picture and the decoded picture included.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from hvaecodec.bench.measure.isolated import Job, measure_in_process
from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command

MEGAPIXELS = (1, 6, 24, 100)


def by_size(codec: str, quality: float, megapixels: list[float], **job: Any) -> Table:
    """Return a table with a row for each size: seconds to encode and to decode, peak memory, file size.

    megapixels: the sizes, in millions of pixels. job: further fields of every `Job`.
    """
    rows: list[tuple[str, ...]] = []
    for size in megapixels:
        answer = measure_in_process(Job(codec=codec, quality=quality, megapixels=size, **job))
        encode_s, decode_s = median(answer["encode_s"]), median(answer["decode_s"])
        pixels = answer["height"] * answer["width"]
        times = (f"{encode_s:.2f}", f"{decode_s:.2f}", f"{(encode_s + decode_s) / pixels * 1e6:.3f}")
        rate = f"{8 * answer['n_bytes'] / pixels:.3f}"
        picture = f"{answer['width']}x{answer['height']}"
        rows.append((f"{pixels / 1e6:.1f}", picture, *times, f"{answer['peak_bytes'] / 1e9:.2f}", rate))
    header = ("megapixels", "picture", "encode s", "decode s", "both, s per MP", "peak GB", "bpp")
    notes = ["A fresh process for each size; pictures are mirrored copies of one photo."]
    return Table(f"{codec}, quality {quality:g}", header, rows, notes)


def main(
    *,
    codec: str = "dct-vae-photo@effort=1",
    quality: float = 50,
    megapixels: Annotated[str, typer.Option(help="Sizes with commas between.")] = ",".join(map(str, MEGAPIXELS)),
    dataset: str = "photos",
    image: str = "",
    data: Path | None = None,
    threads: int = 2,
    repeat: int = 1,
) -> None:
    """Measure how time and memory grow with the picture."""
    sizes = [float(size) for size in megapixels.split(",")]
    more: dict[str, Any] = {"dataset": dataset, "image": image, "data": str(data) if data else None}
    print(by_size(codec, quality, sizes, threads=threads, repeat=repeat, **more).markdown(), end="")


if __name__ == "__main__":
    command.run(main)
