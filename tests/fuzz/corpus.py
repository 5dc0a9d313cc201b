"""What the fuzzer starts from: small nets of every codec, and files of small pictures in every mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tiny
import tiny_hqa
from golden.make_small import load_codec
from PIL import ImageCms

import hvaecodec
from fuzz.exif_mutants import PLAIN_BLOCK
from hvaecodec.codec.images import LoadedImage

_SHAPES = ((32, 32, 3), (33, 40, 3), (48, 64), (64, 33, 4), (40, 35, 2), (1, 1, 3), (1, 64, 4))


def pictures() -> list[LoadedImage]:
    """Small pictures in every mode: slopes, edges and noise; some with a profile and EXIF."""
    random = np.random.default_rng(26)
    made_of = []
    for number, shape in enumerate(_SHAPES):
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        plane = rows * 3 + columns * 2 + 40 * (rows > columns) + random.integers(0, 1 + 12 * number, shape[:2])
        pixels = plane if len(shape) == 2 else np.stack([plane + 30 * n for n in range(shape[2])], -1)
        made_of.append(LoadedImage((pixels % 256).astype(np.uint8), exif=PLAIN_BLOCK if number % 2 else None))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return [*made_of, LoadedImage(made_of[0].pixels, icc=profile, exif=PLAIN_BLOCK)]


def tiny_codecs(folder: Path) -> dict[str, Any]:
    """All codecs, by name: those whose nets would be slow with tiny random weights, written into the folder."""
    return {
        "dct-vae-photo": hvaecodec.load(tiny.write_weights(folder / "photo", directions=64)),
        "hqa-photo": hvaecodec.load(tiny_hqa.write_weights(folder / "hqa")),
        "dct-vae-cifar10": hvaecodec.load("dct-vae-cifar10"),
        "srvae-cifar10": _srvae(folder / "srvae"),
    }


def package_codecs(folder: Path) -> dict[str, Any]:
    """All codecs, by name, with the weights in the package where there are any."""
    installed = [model["name"] for model in hvaecodec.models() if model["installed"]]
    return {name: hvaecodec.load(name) for name in installed} | {"srvae-cifar10": _srvae(folder / "srvae")}


CODECS: dict[str, Callable[[Path], dict[str, Any]]] = {"tiny": tiny_codecs, "package": package_codecs}


def _srvae(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    return load_codec("srvae-cifar10", folder)


def files_of(codec: Any) -> list[bytes]:
    """Files of a codec: of every picture, at its rates, and one whose generator is adapted to it."""
    encode = partial(codec.encode, effort=1)
    if codec.fixed_rate:
        return [encode(picture) for picture in pictures()]
    files = [encode(picture, quality=q) for q, picture in zip((5, 25, 45, 65, 85, 99, 50, 50), pictures(), strict=True)]
    return [*files, codec.encode(pictures()[0], quality=30, effort=2)] if codec.searches else files
