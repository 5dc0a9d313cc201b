"""Draw crops of decoded validation photos beside AVIF of as many bytes, to be looked at at full size.

    python research/perceptual/look.py WEIGHTS OUT --data DATA [--net RUN] [--rates 0.03 0.08 0.15] [--crops NAME ...]

WEIGHTS is a folder of weights of `dct-vae-photo`; with --net the averaged net of the folder that `train.py` trains in
draws. Of every rate OUT gets one PNG, with a row for each crop: the photo, ours at temperatures 0, 0.5 and 1, and the AVIF
whose file is nearest in bytes. Rates are those of whole files, at effort 1; a photo that needs more has its smallest file.
A crop is photo:left:top, counted from 0 in `photos/valid.tar`; without any the middle of six photos is shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from evaluate import load_codec
from PIL import Image, ImageDraw

from hvaecodec.bench import baselines
from hvaecodec.bench.metrics.image_metrics import bpp
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.training.data import VALID_TAR, tar_photos

SIDE, MARGIN = 256, 18  # pixels of a crop, and of the line above it
TEMPERATURES = (0.0, 0.5, 1.0)


def nearest_avif(photo: np.ndarray, n_bytes: int) -> bytes:
    """Return the AVIF of a photo whose size is nearest to so many bytes, by halving the range of qualities."""
    avif = baselines.load("avif")
    low, high, files = 0, 100, {}
    while low <= high:
        middle = (low + high) // 2
        data = files[middle] = avif.encode(photo, quality=middle)
        low, high = (middle + 1, high) if len(data) < n_bytes else (low, middle - 1)
    return min(files.values(), key=lambda data: abs(len(data) - n_bytes))


def row_of(codec: DctVaeCodec, photo: np.ndarray, corner: tuple[int, int], rate: float) -> Image.Image:
    """Return a row of crops, each under its name."""
    smallest = codec.encode(photo, quality=1, effort=1)
    reached = bpp(len(smallest), *photo.shape[:2]) < rate
    data = codec.encode(photo, bpp=rate, effort=1) if reached else smallest
    avif = nearest_avif(photo, len(data))
    shown = [("photo", photo)]
    size = f"{bpp(len(data), *photo.shape[:2]):.3f} bpp"
    shown += [(f"temperature {t:g}, {size}", codec.decode(data, temperature=t)) for t in TEMPERATURES]
    shown += [(f"AVIF, {bpp(len(avif), *photo.shape[:2]):.3f} bpp", baselines.load("avif").decode(avif))]
    row = Image.new("RGB", (SIDE * len(shown), SIDE + MARGIN), "white")
    left, top = corner
    for number, (name, picture) in enumerate(shown):
        row.paste(Image.fromarray(picture[top : top + SIDE, left : left + SIDE]), (SIDE * number, MARGIN))
        ImageDraw.Draw(row).text((SIDE * number + 2, 2), name, fill="black")
    return row


def places_of(words: list[str], photos: list[np.ndarray]) -> list[tuple[int, tuple[int, int]]]:
    """Return the number of the photo and the corner, (left, top), of each crop."""
    if words:
        return [(number, (left, top)) for number, left, top in (map(int, word.split(":")) for word in words)]
    chosen = range(0, len(photos), max(1, len(photos) // 6))[:6]
    return [(n, ((photos[n].shape[1] - SIDE) // 2, (photos[n].shape[0] - SIDE) // 2)) for n in chosen]


def main() -> None:
    """Write a picture for each rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--net", type=Path, help="a folder with a checkpoint")
    parser.add_argument("--rates", type=float, nargs="+", default=(0.03, 0.08, 0.15))
    parser.add_argument("--crops", nargs="+", default=[], metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec, photos = load_codec(arguments.weights, arguments.net), tar_photos(arguments.data / VALID_TAR)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for rate in arguments.rates:
        rows = [row_of(codec, photos[n], corner, rate) for n, corner in places_of(arguments.crops, photos)]
        page = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
        for number, row in enumerate(rows):
            page.paste(row, (0, number * row.height))
        path = arguments.out / f"{rate:g}.png"
        page.save(path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
