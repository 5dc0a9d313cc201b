"""Measures seconds and memory of large pictures by rows: `python -m hvaecodec.bench.tools.gigapixel`.

The pictures are squares of photos of a data set beside their mirror images, so that no border inside is sharper than
the photos are. They are arrays in files, and each command runs in a process of its own, whose peak of resident memory
counts. `--write docs/large.md` puts the table into that page.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.measure.command_cost import command_cost
from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command, pages
from hvaecodec.codec.images.colour import rgb

_ROWS = 1024  # compared at once


def side_of(megapixels: int) -> int:
    """Return the side of a square of so many times 2**20 pixels. Raises ValueError where that is no whole number."""
    side = round((megapixels << 20) ** 0.5)
    if side * side != megapixels << 20:
        raise ValueError(f"{megapixels} megapixels are no square of whole sides; 16, 64, 256 and 1024 are")
    return side


def write_mosaic(path: Path, photos: list[np.ndarray], side: int) -> None:
    """Write a square of photos and their mirror images as a .npy, uint8 (side, side, 3), row of photos by row."""
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (side, side, 3))
    top = 0
    for row in _rows_of_photos(photos, side):
        height = min(len(row), side - top)
        out[top : top + height] = row[:height]
        top += height
        if top == side:
            break
    out.flush()


def _rows_of_photos(photos: list[np.ndarray], width: int) -> Iterator[np.ndarray]:
    """Give rows of photos for ever, each (height, width, 3) and followed by its mirror image."""
    height = min(len(photo) for photo in photos)
    supply = cycle(photos)
    while True:
        row: list[np.ndarray] = []
        while sum(part.shape[1] for part in row) < width:
            photo = next(supply)[:height]
            row += [photo, photo[:, ::-1]]
        whole = np.concatenate(row, 1)[:, :width]
        yield whole
        yield whole[::-1]


def psnr_of_files(first: Path, second: Path) -> float:
    """Return the PSNR between two arrays in files, in dB, of which some rows at a time are read."""
    a, b = (np.load(path, mmap_mode="r") for path in (first, second))
    squares = sum(
        int(np.square(a[top : top + _ROWS].astype(np.int16) - b[top : top + _ROWS], dtype=np.int32).sum(dtype=np.int64))
        for top in range(0, len(a), _ROWS)
    )
    return float(10 * np.log10(255**2 * a.size / squares)) if squares else float("inf")


def measure(folder: Path, photos: list[np.ndarray], megapixels: int, quality: float) -> tuple[str, ...]:
    """Encode a picture at effort 1 and decode it, and return the row of the table. folder: for its files."""
    side = side_of(megapixels)
    picture, file, decoded = (folder / name for name in ("picture.npy", "picture.hvc", "decoded.npy"))
    write_mosaic(picture, photos, side)
    encoding = command_cost(
        "encode", str(picture), "-o", str(file), "--effort", "1", "--quality", f"{quality:g}", "--force"
    )
    limit = str(2 * side * side)  # above half of it there is a warning
    decoding = command_cost("decode", str(file), "-o", str(decoded), "--max-pixels", limit, "--force")
    bpp = 8 * file.stat().st_size / side**2
    costs = [f"{part:.0f}" for cost in (encoding, decoding) for part in (cost.seconds, cost.n_bytes / 1e6)]
    return str(megapixels), f"{side} × {side}", f"{bpp:.3f}", f"{psnr_of_files(picture, decoded):.2f}", *costs


def main(
    *,
    dataset: str = "kodak",
    data: Path | None = None,
    megapixels: str = "16,64,256,1024",
    quality: float = 50,
    folder: Path | None = None,
    write: pages.Page = None,
) -> None:
    """Encode and decode squares of so many times 2**20 pixels, and print what each took."""
    photos = [rgb(image.pixels()) for image in load_dataset(dataset, data)]
    sizes = [int(size) for size in megapixels.split(",")]
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for size in sizes:
            rows.append(measure(Path(name), photos, size, quality))
            print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    header = ("megapixels", "size", "bpp", "PSNR dB", "encode s", "encode MB", "decode s", "decode MB")
    notes = [
        f"{dataset}, mirrored, at quality {quality:g} and effort 1; resident memory at its peak, of the whole process.",
        "A megapixel is 2**20 pixels here, and a MB 10**6 bytes.",
        pages.machine(),
    ]
    pages.show("gigapixel", Table("Large pictures", header, rows, notes).markdown(), write)


if __name__ == "__main__":
    command.run(main)
