"""`python tests/golden/make_small.py [CODEC ...]`: write the golden files of the codecs with one stream.

`hqa-photo` and `dct-vae-cifar10` have their weights in the package. `srvae-cifar10` has not: its files are of a tiny
model whose every number comes from whole numbers, so that it is the same wherever it is made.

Only when the format or the bitstream weights change, in the commit that says so. test_golden_small.py reads them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as save_arrays
from skimage import data

import hvaecodec
from hvaecodec.codec.registry import Codec
from hvaecodec.codec.tiles.lossless_rgb import N_TABLES, RADIUS
from hvaecodec.codec.tiles.srvae_weights import FILE, TABLES, model_bytes
from hvaecodec.models.philox import words
from hvaecodec.models.srvae.dense import Dense
from hvaecodec.models.srvae.srvae import SrVaeConfig, make

HERE = Path(__file__).parent
RGB = data.astronaut()[:96, 100:230]
# codec -> the name of a file -> picture and settings
PICTURES: dict[str, dict[str, tuple[np.ndarray, dict[str, Any]]]] = {
    "hqa-photo": {
        **{f"hqa-layer{layer}": (RGB, {"quality": 110 - 20 * layer}) for layer in range(1, 6)},
        "hqa-grey": (RGB[..., 1], {"quality": 70}),
        "hqa-rgba": (np.dstack([RGB, np.roll(RGB[..., 0], 9, 0)])[:33, :65], {"quality": 70}),
        "hqa-one-pixel": (RGB[:1, :1], {"quality": 90}),
    },
    "dct-vae-cifar10": {
        "cifar-rgb": (RGB, {}),
        "cifar-grey": (RGB[..., 1], {}),
        "cifar-rgba": (np.dstack([RGB, np.roll(RGB[..., 0], 9, 0)])[:33, :65], {}),
        "cifar-one-pixel": (RGB[:1, :1], {}),
    },
    "srvae-cifar10": {
        "srvae-rgb": (RGB, {}),
        "srvae-grey": (RGB[..., 1], {}),
        "srvae-rgba": (np.dstack([RGB, np.roll(RGB[..., 0], 9, 0)])[:33, :65], {}),
        "srvae-one-pixel": (RGB[:1, :1], {}),
    },
}
TINY_SRVAE = SrVaeConfig(
    encode_u=Dense(4, 1), decode_y=Dense(8, 1), encode_z=Dense(2, 1), z_prior_y=Dense(4, 1), z_prior_u=Dense(4, 1),
    z_prior=Dense(4, 1), x_z=Dense(8, 1), x=Dense(4, 1), flow=Dense(4, 1), latent=4, side=32,
)  # fmt: skip


def main() -> None:
    for codec in sys.argv[1:] or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            loaded = load_codec(codec, Path(folder))
            facts = {name: write_file(loaded, name) for name in PICTURES[codec]}
        (HERE / f"{codec}.json").write_text(json.dumps(facts, indent=1) + "\n")


def load_codec(name: str, folder: Path) -> Codec:
    """Load the codec that golden files are of; weights that are not in the package are written into the folder."""
    if name != "srvae-cifar10":
        return hvaecodec.load(name)
    write_srvae(folder)
    return hvaecodec.load(folder)


def write_srvae(folder: Path) -> None:
    """Write the three files of a tiny `srvae-cifar10`."""
    model = make(TINY_SRVAE)
    for number, parameter in enumerate(model.parameters()):
        numbers = (words(0, number, 0, parameter.numel()) >> np.uint64(56)).astype(np.float32) / 512 - 0.25
        parameter.data = torch.from_numpy(numbers).reshape(parameter.shape)
    (folder / FILE).write_bytes(model_bytes(model))
    (folder / TABLES).write_bytes(save_arrays({"tables": srvae_tables()}))
    (folder / "card.json").write_text(json.dumps({"codec": "srvae-cifar10"}))


def srvae_tables() -> np.ndarray:
    """Frequencies that fall by half every few residuals, six kinds in turn, int32 (N_TABLES, 2 RADIUS + 2)."""
    size = np.abs(np.arange(-RADIUS, RADIUS + 1))
    tables = np.ones((N_TABLES, 2 * RADIUS + 2), np.int32)
    for number, row in enumerate(tables):
        row[:-1] += (1 << 16) >> np.minimum(size // (1 + 2 * (number % 6)), 16)
        row[RADIUS] += 2**22 - row.sum()
    return tables


def write_file(codec: Codec, name: str) -> dict[str, Any]:
    """Write one file, and return what must stay true of it."""
    pixels, settings = PICTURES[codec.name][name]
    file = codec.encode(pixels, **settings)
    (HERE / f"{name}.hvc").write_bytes(file)
    (symbols,) = codec.symbols(file)
    picture = codec.decode(file)
    return {
        "bytes": hashlib.sha256(file).hexdigest(),
        "symbols": hashlib.sha256(symbols.astype("<i2").tobytes()).hexdigest(),
        "shape": picture.shape,
        "mean": round(float(picture.mean()), 2),
    }


if __name__ == "__main__":
    main()
