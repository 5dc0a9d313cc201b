"""Digests of files and pictures of the shipped codecs, to compare two versions of the code.

    python tests/helpers/same_bytes.py OUT.json

Encodes the photos that scikit-image installs with every photo codec, decodes each file at temperatures 0 and 1, and
writes a digest of each by its name. Two versions code alike on a machine if their files are equal (`cmp`). Takes some
minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data

import hvaecodec

CODINGS: dict[str, dict[str, Any]] = {
    **{f"e{effort}": {"model": "dct-vae-photo", "quality": 40, "effort": effort} for effort in (1, 2, 3)},
    **{f"hqa{quality}": {"model": "hqa-photo", "quality": quality} for quality in (10, 30, 50, 70, 90)},
    "cifar": {"model": "dct-vae-cifar10"},
}


def photos() -> dict[str, np.ndarray]:
    """Five colour photographs and a grey one by name, uint8, at most 384 x 512."""
    pictures = {name: getattr(data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket", "camera")}
    pictures["motorcycle"] = data.stereo_motorcycle()[0][:400, :500]
    return {name: np.ascontiguousarray(pixels[:384, :512]) for name, pixels in pictures.items()}


def digest(content: bytes) -> str:
    """The first 16 hexadecimal digits of a SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def digests_of(name: str, pixels: np.ndarray) -> Iterator[tuple[str, str]]:
    """The digest of every file of a picture, and of the pictures decoded from it, by their names."""
    for coding, options in CODINGS.items():
        file = hvaecodec.encode(pixels, **options)
        yield f"{name}.{coding}", digest(file)
        for temperature in (0.0, 1.0):
            decoded = hvaecodec.decode(file, temperature=temperature, seed=3)
            yield f"{name}.{coding}.t{temperature}", digest(decoded.tobytes())


def main() -> None:
    """Write all digests as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.json")
    out = parser.parse_args().out
    digests: dict[str, str] = {}
    for name, pixels in photos().items():
        digests |= digests_of(name, pixels)
        print(name, file=sys.stderr, flush=True)
    out.write_text(json.dumps(digests, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
