"""Compares the libraries that run the nets of a codec: `python -m hvaecodec.bench.tools.backends`.

The commands themselves are timed, with all that they take to start, on a photo and on a mosaic of it; libraries take
turns, so that a busy machine slows both. Memory is the command's peak of resident memory. `--write docs/doors.md`
puts the tables into that page.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.measure.command_cost import Cost, command_cost
from hvaecodec.bench.measure.isolated import mosaic
from hvaecodec.bench.measure.machine import processor
from hvaecodec.bench.show.table import Table, to_markdown
from hvaecodec.bench.tools import command, pages
from hvaecodec.codec import registry
from hvaecodec.codec.backends import MAX_EFFORT, VARIABLE
from hvaecodec.codec.images.alpha_and_grey import psnr_db

LIBRARIES = tuple(MAX_EFFORT)
CODECS = ("dct-vae-photo", "hqa-photo")


@dataclass
class Costs:
    """What the rounds of a command took."""

    rounds: list[Cost] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The fastest round's seconds."""
        return min(cost.seconds for cost in self.rounds)

    @property
    def gigabytes(self) -> float:
        """The largest round's memory."""
        return max(cost.n_bytes for cost in self.rounds) / 1e9


def by_library(folder: Path, codec: str, threads: list[int], rounds: int, quality: float) -> Table:
    """Return a table of seconds and memory for each picture of a folder, number of threads and library.

    folder: holds the pictures, `*.png`; files and decoded pictures are written beside them.
    """
    rows: list[tuple[str, ...]] = []
    for path in sorted(folder.glob("*.png")):
        for n in threads:
            costs: dict[tuple[str, str], Costs] = defaultdict(Costs)
            for _ in range(rounds):
                for library in LIBRARIES:
                    file, decoded = f"{path.stem}.{library}.hvc", f"{path.stem}.{library}.ppm"
                    how = ("--model", codec, "--quality", f"{quality:g}", "--effort", "1")
                    encoding = _run(folder, library, n, "encode", path.name, "-o", file, *how, "--force")
                    decoding = _run(folder, library, n, "decode", file, "-o", decoded, "--force")
                    costs[library, "encode"].rounds.append(encoding)
                    costs[library, "decode"].rounds.append(decoding)
            rows += [_cost_row(path.stem, n, library, costs) for library in LIBRARIES]
    header = ("picture, library", "threads", "encode s", "decode s", "encode peak GB", "decode peak GB")
    note = (
        f"Quality {quality:g}, effort 1; the commands with all that they take to start, the fastest of {rounds} runs; "
        f"processor: {processor()}, {os.cpu_count()} cores."
    )
    return Table(f"{codec}: time and memory", header, rows, [note])


def _cost_row(picture: str, threads: int, library: str, costs: dict[tuple[str, str], Costs]) -> tuple[str, ...]:
    both = [costs[library, way] for way in ("encode", "decode")]
    seconds, peaks = [f"{cost.seconds:.2f}" for cost in both], [f"{cost.gigabytes:.2f}" for cost in both]
    return (f"{picture}, {library}", str(threads), *seconds, *peaks)


def by_picture(folder: Path, codec: str, quality: float) -> Table:
    """Return a table of how far the libraries' symbols and pictures are apart, for each picture of a folder."""
    codecs = {library: _load(codec, library) for library in LIBRARIES}
    rows: list[tuple[str, ...]] = []
    for path in sorted(folder.glob("*.png")):
        pixels = np.asarray(Image.open(path))
        data = codecs["torch"].encode(pixels, quality=quality, effort=1)
        symbols = [codecs[library].symbols(data) for library in LIBRARIES]
        equal = all(np.array_equal(*levels) for levels in zip(*symbols, strict=True))
        for temperature in (0.0, 1.0):
            ours, theirs = (codecs[library].decode(data, temperature=temperature) for library in LIBRARIES)
            apart = np.abs(ours.astype(int) - theirs)
            name = f"{path.stem}, temperature {temperature:g}"
            within = f"{100 * (apart <= 1).mean():.4f}"
            rows.append(
                (name, "equal" if equal else "DIFFER", within, str(apart.max()), f"{psnr_db(ours, theirs):.1f}")
            )
    header = ("picture", "symbols", "samples within 1 grey level, %", "largest difference", "PSNR between, dB")
    return Table(f"{codec}: {' and '.join(LIBRARIES)}", header, rows, [f"Quality {quality:g}."])


def _load(codec: str, library: str) -> registry.Codec:
    """Load a codec as a process would whose environment names a library."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = library
    try:
        return registry.load(codec)
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _run(folder: Path, library: str, threads: int, *words: str) -> Cost:
    """Run the command with a library and a number of threads."""
    environment = os.environ | {VARIABLE: library, "OMP_NUM_THREADS": str(threads)}
    return command_cost(*words, folder=folder, environment=environment)


def main(
    *,
    dataset: str = "photos",
    data: Path | None = None,
    image: str = "",
    megapixels: float = 6,
    threads: str = "1,2",
    rounds: int = 3,
    quality: float = 50,
    write: pages.Page = None,
) -> None:
    """Compare torch and onnx: what they give, and what they take."""
    photo = next(item for item in load_dataset(dataset, data) if image in ("", item.name)).pixels()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(photo).save(folder / "photo.png")
        Image.fromarray(mosaic(photo, megapixels)).save(folder / f"{megapixels:g} megapixels.png")
        numbers = [int(n) for n in threads.split(",")]
        tables = [by_picture(folder, codec, quality) for codec in CODECS]
        tables += [by_library(folder, codec, numbers, rounds, quality) for codec in CODECS]
    pages.show("backends", to_markdown(tables), write)


if __name__ == "__main__":
    command.run(main)
