"""`python tests/golden/make_small.py`: write the golden files of `hqa-photo` and `dct-vae-cifar10` with the weights in the
package, of the codecs that are named or of both.

Only when the format or the bitstream weights change, in the commit that says so. test_golden_small.py reads them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data

import hvaecodec

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
}


def main() -> None:
    for codec in sys.argv[1:] or PICTURES:
        told = {name: write(codec, name) for name in PICTURES[codec]}
        (HERE / f"{codec}.json").write_text(json.dumps(told, indent=1) + "\n")


def write(codec: str, name: str) -> dict[str, Any]:
    pixels, settings = PICTURES[codec][name]
    file = hvaecodec.encode(pixels, codec, **settings)
    (HERE / f"{name}.hvc").write_bytes(file)
    (symbols,) = hvaecodec.symbols(file)
    picture = hvaecodec.decode(file)
    return {
        "bytes": hashlib.sha256(file).hexdigest(),
        "symbols": hashlib.sha256(symbols.astype("<i2").tobytes()).hexdigest(),
        "shape": picture.shape,
        "mean": round(float(picture.mean()), 2),
    }


if __name__ == "__main__":
    main()
