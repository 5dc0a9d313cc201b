"""Print what `hqa-photo` does at temperatures 0, 0.5 and 1, layer by layer, on validation photos.

    python research/hqa-perceptual/evaluate.py WEIGHTS --data DATA [--run OUT] [--photos 20] [--log FILE]

WEIGHTS is a folder of weights of `hqa-photo`. With --run its codes, encoders and decoders are the averaged ones that
`train.py` trains in OUT, with the priors that the folder has: bits are then a bound from above, and nothing is drawn by
a sampler or a texture. DATA holds `photos/valid.tar`. Every photo is encoded once at each layer and decoded from bytes
alone. Bits are those of the whole file, PSNR and LPIPS (AlexNet) means over photos; `apart` is the mean difference of
two draws at temperature 1, in grey levels. Below that, the bits of a cell and the use of the codes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from hvaecodec.bench.metrics.image_metrics import bpp, psnr_db
from hvaecodec.bench.metrics.perceptual import lpips
from hvaecodec.bench.tools.codebooks import count_codes, perplexities
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.hqa.codec import HqaPhotoCodec, quality_of
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weights import BITSTREAM, SAMPLED, TEXTURED
from hvaecodec.training.checkpoint import load_weights
from hvaecodec.training.data import VALID_TAR, tar_photos
from hvaecodec.training.hqa.hqa_photo_export import GENERATOR, export_hqa_generator

TEMPERATURES = (0.0, 0.5, 1.0)
LAYERS = (5, 4, 3, 2, 1)
Row = dict[str, float]


def load_codec(weights: Path, run: Path | None) -> HqaPhotoCodec:
    """Return the codec of a folder of weights, with the layers of a run in the place of its own."""
    if run is None:
        return HqaPhotoCodec.load(weights)
    with tempfile.TemporaryDirectory() as name:
        folder = shutil.copytree(weights, Path(name) / "weights")
        codec = HqaPhotoCodec.load(folder)
        stack = codec.generators.get(codec.generators.base(codec.generators.newest, "texture", "sampler"))
        load_weights(stack, run / "stack")
        for file in (SAMPLED, TEXTURED):
            (folder / file).unlink(missing_ok=True)
        export_hqa_generator(stack, folder, force=True)
        arrays = load_file(folder / BITSTREAM)
        for number in range(len(stack)):
            arrays[f"layer{number + 1}.codebook"] = stack[number].codebook.detach().half().numpy()
        save_file(arrays, folder / BITSTREAM, dict(read_weights(folder / BITSTREAM).metadata))
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        (folder / "card.json").write_text(json.dumps(card | {"generator": GENERATOR}), encoding="utf-8")
        codec = HqaPhotoCodec.load(folder)
        codec.generators.drawing(codec.generators.newest)  # while its files are there
        return codec


def measure(codec: HqaPhotoCodec, photo: np.ndarray, layer: int) -> Row:
    """Return what one photo gives at a layer."""
    data = codec.encode(photo, quality=quality_of(layer))
    cells = codec.symbols(data)[0].size
    row = {"bpp": bpp(len(data), photo.shape[0], photo.shape[1])}
    row["bits a cell"] = 8 * sum(map(len, unpack(data).levels)) / cells
    for temperature in TEMPERATURES:
        picture = codec.decode(data, temperature=temperature)
        row[f"psnr {temperature:g}"] = psnr_db(photo, picture)
        row[f"lpips {temperature:g}"] = lpips(photo, picture, net="alex")
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
    parser.add_argument("--run", type=Path, help="the folder that train.py trains in")
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--log", type=Path, help="a file that gets a JSON line a layer")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec = load_codec(arguments.weights, arguments.run)
    photos = tar_photos(arguments.data / VALID_TAR)
    use = perplexities(count_codes(codec, photos))
    print("layer    bpp  bits  under 9   use  apart  PSNR, then LPIPS, at temperature 0, 0.5, 1")
    for layer in LAYERS:
        row = mean_of([measure(codec, photo, layer) for photo in photos[: arguments.photos]])
        row |= {"code use": use[layer - 1], "below 9 bits": 1 - row["bits a cell"] / 9}
        psnr, distance = (
            " ".join(f"{row[f'{name} {t:g}']:{form}}" for t in TEMPERATURES)
            for name, form in (("psnr", "5.2f"), ("lpips", "6.4f"))
        )
        shares = f"{row['bits a cell']:5.2f} {row['below 9 bits']:7.1%} {row['code use']:6.1%}"
        print(f"{layer:5d} {row['bpp']:6.4f} {shares} {row['apart']:6.2f}  {psnr}  {distance}", flush=True)
        if arguments.log:
            with arguments.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"layer": layer, "run": str(arguments.run), **row}) + "\n")


if __name__ == "__main__":
    main()
