"""Print what a perceptual generator does at every temperature, on validation photos: a choice is made by this table.

    python research/perceptual/evaluate.py WEIGHTS --data DATA [--net RUN] [--photos 20] [--log FILE]

WEIGHTS is a folder of weights of `dct-vae-photo`; its own perceptual generator draws, or, with --net, the averaged one
of the folder that `train.py` trains in. DATA holds `photos/valid.tar`. Every photo is encoded once at each quality, at
effort 1, and decoded from bytes alone. Bits are those of the whole file, PSNR and LPIPS (AlexNet) means over photos;
`apart` is the mean difference of two draws at temperature 1, in grey levels. `mesh` is how much stronger the error's
spectrum is at a period of four pixels than beside it, at temperature 0 and 1; about 1 where there is no mesh.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hvaecodec.bench.metrics.image_metrics import bpp, psnr_db
from hvaecodec.bench.metrics.perceptual import lpips
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.weights import PERCEPTUAL
from hvaecodec.models.photo.generator import Generator
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.data import VALID_TAR, tar_photos
from hvaecodec.training.perceptual.perceptual_run import KIND, perceptual_bytes

QUALITIES = (1, 8, 18, 28, 40, 50)
TEMPERATURES = (0.0, 0.25, 0.5, 0.75, 1.0)
WINDOW = 128  # pixels on a side of what the mesh is looked for in
MESH = [(row, column) for row in (0, WINDOW // 4) for column in (0, WINDOW // 4)][1:]  # frequencies of four pixels
Row = dict[str, float]


def load_codec(weights: Path, run: Path | None) -> DctVaeCodec:
    """Return the codec of a folder of weights, with the net of a run in the place of its perceptual generator."""
    if run is None:
        return DctVaeCodec.load(weights)
    with tempfile.TemporaryDirectory() as name:
        folder = shutil.copytree(weights, Path(name) / "weights")
        codec = DctVaeCodec.load(folder)
        base = codec.generators.base(codec.generators.newest, "texture", KIND)
        net = Generator(replace(codec.generators.get(base).config, encoder=0))
        load_weights(net, run / NAME)
        (folder / PERCEPTUAL).write_bytes(perceptual_bytes(net, base))
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        (folder / "card.json").write_text(json.dumps(card | {"generator": PERCEPTUAL}), encoding="utf-8")
        codec = DctVaeCodec.load(folder)
        codec.generators.drawing(codec.generators.newest)  # while its files are there
        return codec


def mesh_ratio(error: np.ndarray) -> float:
    """Return the mean energy of an error (H, W, 3) at periods of four pixels, over the median of that around them.

    Frequencies nearer than three steps are left out of what is around, since a window blurs them.
    """
    rows, columns = (side // WINDOW * WINDOW for side in error.shape[:2])
    grey = error[:rows, :columns].mean(2).reshape(rows // WINDOW, WINDOW, columns // WINDOW, WINDOW).swapaxes(1, 2)
    window = np.hanning(WINDOW)
    energy = (np.abs(np.fft.fft2(grey * window[:, None] * window)) ** 2).mean((0, 1))
    ratios = []
    for row, column in MESH:
        around = np.roll(energy, (8 - row, 8 - column), (0, 1))[:17, :17].copy()
        peak = around[7:10, 7:10].mean()
        around[5:12, 5:12] = np.nan
        ratios.append(peak / np.nanmedian(around))
    return float(np.mean(ratios))


def measure(codec: DctVaeCodec, photo: np.ndarray, quality: float) -> Row:
    """Return what one photo gives at a quality."""
    data = codec.encode(photo, quality=quality, effort=1)
    row = {"bpp": bpp(len(data), photo.shape[0], photo.shape[1])}
    for temperature in TEMPERATURES:
        picture = codec.decode(data, temperature=temperature)
        row[f"psnr {temperature:g}"] = psnr_db(photo, picture)
        row[f"lpips {temperature:g}"] = lpips(photo, picture, net="alex")
        if temperature in (0, 1):
            row[f"mesh {temperature:g}"] = mesh_ratio(picture.astype(float) - photo)
    other = codec.decode(data, temperature=1.0, seed=1)
    row["apart"] = float(np.abs(picture.astype(float) - other).mean())
    return row


def mean_of(rows: Sequence[Row]) -> Row:
    """Return the means of photos' rows."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--net", type=Path, help="a folder with a checkpoint")
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--qualities", type=float, nargs="+", default=QUALITIES)
    parser.add_argument("--log", type=Path, help="a file that gets a JSON line a quality")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec = load_codec(arguments.weights, arguments.net)
    photos = tar_photos(arguments.data / VALID_TAR)[: arguments.photos]
    print(
        "quality    bpp  apart  mesh       PSNR, then LPIPS, at temperature "
        + ", ".join(f"{t:g}" for t in TEMPERATURES)
    )
    for quality in arguments.qualities:
        row = mean_of([measure(codec, photo, quality) for photo in photos])
        psnr, distance = (
            " ".join(f"{row[f'{name} {t:g}']:{form}}" for t in TEMPERATURES)
            for name, form in (("psnr", "5.2f"), ("lpips", "6.4f"))
        )
        mesh = " ".join(f"{row[f'mesh {t}']:4.1f}" for t in (0, 1))
        print(f"{quality:7g} {row['bpp']:6.4f} {row['apart']:6.2f}  {mesh}  {psnr}  {distance}", flush=True)
        if arguments.log:
            with arguments.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"quality": quality, "net": str(arguments.net), **row}) + "\n")


if __name__ == "__main__":
    main()
