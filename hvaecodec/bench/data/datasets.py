"""Loads the pictures that the bench runs on by name: `kodak`, `photos`, `valid`, `cifar10`, or any folder of images."""

from __future__ import annotations

import functools
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hvaecodec.bench.data import DatasetError, kodak
from hvaecodec.codec.files import printable
from hvaecodec.codec.images import LoadedImage, read_image
from hvaecodec.codec.images.colour import colour_of

DATA_VARIABLE = "HVAECODEC_DATA"  # a folder with kodak/ and photos/, or with the Kodak files themselves

# Colour photographs inside scikit-image's wheel; its other pictures are drawings, grey, or fetched from the network.
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif", ".avif", ".jp2", ".jxl"}


@dataclass(frozen=True)
class NamedImage:
    """A picture with a name. `open` reads it when it is needed, and returns a loaded image, a PIL image or an array."""

    name: str
    open: Callable[[], LoadedImage | Image.Image | np.ndarray]

    def load(self) -> LoadedImage:
        """Read the picture as `encode` does, without its alpha: uint8 (H, W) if it is grey, else RGB (H, W, 3).

        Raises CodecError, or what else `open` raises.
        """
        return colour_of(self.open())

    def pixels(self) -> np.ndarray:
        """Read the picture's pixels; see `load`."""
        return self.load().pixels


def load_dataset(name: str, data: str | os.PathLike[str] | None = None) -> list[NamedImage]:
    """Return the images of `kodak`, `photos`, `valid` or `cifar10`, or of the folder `name`, sorted by name.

    `kodak` are 24 photos, `photos` the colour photographs of scikit-image, `valid` our validation photos, and `cifar10`
    its 10,000 test pictures of 32 x 32. data: the folder with the files of `kodak`, `valid` or `cifar10`; None means
    the folder that HVAECODEC_DATA names. Without such a folder Kodak is downloaded once to the user's cache and
    checked. Raises DatasetError if the pictures are missing.
    """
    if name == "kodak":
        return _files([_kodak_folder(data) / file for file in kodak.FILES])
    if name == "photos":
        return _files([_skimage_folder() / file for file in PHOTOS])
    if name == "valid":
        return _tar(_valid_tar(data))
    if name == "cifar10":
        return _cifar10(data)
    return _folder(Path(name))


def _kodak_folder(data: str | os.PathLike[str] | None) -> Path:
    root = data or os.environ.get(DATA_VARIABLE)
    if not root:
        return kodak.download()
    for folder in (Path(root) / "kodak", Path(root)):
        if (folder / kodak.FILES[0]).exists():
            break
    else:
        raise DatasetError(f"no {kodak.FILES[0]} in {root} or {Path(root) / 'kodak'}")
    missing = [file for file in kodak.FILES if not (folder / file).exists()]
    if missing:
        raise DatasetError(f"{folder} lacks {', '.join(missing)}; a Kodak figure needs all {len(kodak.FILES)}")
    return folder


def _skimage_folder() -> Path:
    from importlib.util import find_spec

    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise DatasetError("the photos come with scikit-image: pip install 'hvaecodec[bench]'")
    return Path(spec.origin).parent / "data"


def _valid_tar(data: str | os.PathLike[str] | None) -> Path:
    root = data or os.environ.get(DATA_VARIABLE)
    if not root:
        raise DatasetError(f"`valid` is photos/valid.tar of the training data; pass --data or set {DATA_VARIABLE}")
    path = next((p for p in (Path(root) / "photos" / "valid.tar", Path(root) / "valid.tar") if p.exists()), None)
    if path is None:
        raise DatasetError(f"no photos/valid.tar in {root}")
    return path


def _cifar10(data: str | os.PathLike[str] | None) -> list[NamedImage]:
    from hvaecodec.training.small_images import cifar10

    root = data or os.environ.get(DATA_VARIABLE)
    if not root:
        raise DatasetError(f"`cifar10` is cifar10.npz of the training data; pass --data or set {DATA_VARIABLE}")
    test = cifar10(Path(root)).test
    return [NamedImage(f"test{n:04}", functools.partial(np.asarray, picture)) for n, picture in enumerate(test)]


def _folder(folder: Path) -> list[NamedImage]:
    if not folder.is_dir():
        raise DatasetError(f"{str(folder)!r} is neither a folder nor one of kodak, photos, valid, cifar10")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise DatasetError(f"no images in {folder}")
    return _files(paths)


def _files(paths: list[Path]) -> list[NamedImage]:
    names = unique_names([(path.stem, path.name) for path in paths])
    return [NamedImage(name, functools.partial(read_image, path)) for name, path in zip(names, paths, strict=True)]


def unique_names(choices: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a name for each of some pictures, so that no two have the same.

    choices: what each may be called, the shortest first. A picture gets the first that no other could be called too, or
    the last with a number if there is none. What is no text in a name becomes an escape.
    """
    shown = [tuple(printable(name) for name in names) for names in choices]
    counts = Counter(name for names in shown for name in dict.fromkeys(names))
    chosen: dict[str, None] = {}
    for names in shown:
        name = next((name for name in names if counts[name] == 1), names[-1])
        number = 1
        while name in chosen:
            number += 1
            name = f"{names[-1]} ({number})"
        chosen[name] = None
    return list(chosen)


def _tar(path: Path) -> list[NamedImage]:
    with tarfile.open(path) as archive:
        members = sorted(member.name for member in archive if Path(member.name).suffix.lower() in _SUFFIXES)

    names = unique_names([(Path(member).stem, Path(member).name, member) for member in members])
    return [
        NamedImage(name, functools.partial(_member, path, member)) for name, member in zip(names, members, strict=True)
    ]


def _member(archive_path: Path, member: str) -> LoadedImage:
    with tarfile.open(archive_path) as archive:
        stream = archive.extractfile(member)
        if stream is None:
            raise DatasetError(f"{member} in {archive_path} is not a file")
        return read_image(stream.read(), member)
