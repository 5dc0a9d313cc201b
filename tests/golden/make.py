"""`python tests/golden/make.py`: write the golden files with the weights in the package.

Only when the format or the bitstream weights change, in the commit that says so. test_golden.py reads them.
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
    "rgb-q20": (RGB, 20),
    "rgb-q85": (RGB, 85),
    "grey-q50": (RGB[..., 1], 50),
    "rgba-q50": (np.dstack([RGB, np.roll(RGB[..., 0], 9, 0)])[:33, :65], 50),
    "tiny-q1": (RGB[:1, :1], 1),
}


def symbol_digest(data: bytes) -> str:
    """SHA-256 over all levels, int16 little endian."""
    digest = hashlib.sha256()
    for level in hvaecodec.symbols(data):
        digest.update(level.astype("<i2").tobytes())
    return digest.hexdigest()


def main() -> None:
    told = {}
    for name, (pixels, quality) in PICTURES.items():
        data = hvaecodec.encode(pixels, quality=quality, effort=1)
        (HERE / f"{name}.hvc").write_bytes(data)
        picture = hvaecodec.decode(data)
        told[name] = {
            "bytes": hashlib.sha256(data).hexdigest(),
            "symbols": symbol_digest(data),
            "shape": picture.shape,
            "mean": round(float(picture.mean()), 2),
        }
    (HERE / "golden.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
