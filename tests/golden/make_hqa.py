"""`python tests/golden/make_hqa.py`: write the golden files of `hqa-photo` with the weights in the package.

Only when the format or the bitstream weights change, in the commit that says so. test_golden_hqa.py reads them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from skimage import data

import hvaecodec

HERE = Path(__file__).parent
RGB = data.astronaut()[:96, 100:230]
PICTURES = {
    **{f"hqa-layer{layer}": (RGB, 110 - 20 * layer) for layer in range(1, 6)},
    "hqa-grey": (RGB[..., 1], 70),
    "hqa-rgba": (np.dstack([RGB, np.roll(RGB[..., 0], 9, 0)])[:33, :65], 70),
    "hqa-one-pixel": (RGB[:1, :1], 90),
}


def main() -> None:
    told = {}
    for name, (pixels, quality) in PICTURES.items():
        file = hvaecodec.encode(pixels, "hqa-photo", quality=quality)
        (HERE / f"{name}.hvc").write_bytes(file)
        (indices,) = hvaecodec.symbols(file)
        picture = hvaecodec.decode(file)
        told[name] = {
            "bytes": hashlib.sha256(file).hexdigest(),
            "symbols": hashlib.sha256(indices.astype("<i2").tobytes()).hexdigest(),
            "shape": picture.shape,
            "mean": round(float(picture.mean()), 2),
        }
    (HERE / "hqa.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
