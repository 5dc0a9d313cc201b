"""Reads small pictures for experiments and classifiers: MNIST, CIFAR-10, Omniglot and faces, from packs.

Every reader gives uint8 arrays, grey (N, H, W) or RGB (N, H, W, 3), in a fixed order and a fixed split. Needs numpy,
Pillow and, to resize digits, torch. Terms of use are those of the sources, see `TERMS`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

# pack -> (where it comes from, terms), for model cards
TERMS: dict[str, tuple[str, str]] = {
    "mnist": ("rasbt/mnist-pngs and fgnt/mnist", "MNIST (LeCun, Cortes, Burges), commonly given as CC BY-SA 3.0"),
    "cifar10": ("cyizhuo/CIFAR-10-dataset", "no licence stated; cite Krizhevsky 2009, research use"),
    "omniglot": ("bitsandscraps/omniglot, from brendenlake/omniglot", "MIT"),
    "faces64": ("karthikSingireddy/cs389-hw4", "CelebA: non-commercial research only, no redistribution"),
}

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FACES_TRAIN_ID = 9000  # CelebA numbers up to this one train, those above test
_FACE = 74  # columns of the central square of a stored face


@dataclass(frozen=True)
class SmallImages:
    """This is a data set of uint8 pictures. Labels are int64 (N,), None where it has no classes."""

    name: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None


def mnist(data: Path) -> SmallImages:
    """Read MNIST: 60000 and 10000 digits, 28x28, ink is 255. Raises FileNotFoundError without the pack."""
    with _pack(data, "mnist") as z:
        labels = [z[f"{part}_labels"].astype(np.int64) for part in ("train", "test")]
        return SmallImages("mnist", z["train_images"], z["test_images"], *labels)


def mnist32(data: Path) -> SmallImages:
    """Read MNIST resized to 32x32, bilinear with pixel centres at halves, rounded to whole grey levels.

    Raises FileNotFoundError without the pack.
    """
    small = mnist(data)
    return replace(small, name="mnist32", train=resize_grey(small.train, 32), test=resize_grey(small.test, 32))


def cifar10(data: Path) -> SmallImages:
    """Read CIFAR-10: 20000 class-balanced training and all 10000 test pictures, 32x32 RGB.

    Raises FileNotFoundError without the pack.
    """
    with _pack(data, "cifar10") as z:
        pictures = [_mosaics(z[f"{part}_webp"], z[f"{part}_offsets"]) for part in ("train", "test")]
        labels = [z[f"{part}_labels"].astype(np.int64) for part in ("train", "test")]
    return SmallImages("cifar10", *pictures, *labels)


def omniglot(data: Path) -> SmallImages:
    """Read Omniglot: 24345 and 8115 drawings, 28x28 grey, ink is 255, labels the number of the character (0..1622).

    The pack's random split has the size used in the VAE literature but not the same drawings: log-likelihoods compare
    only roughly. Models of bits binarise at 128 or sample. Raises FileNotFoundError without the pack.
    """
    with _pack(data, "omniglot") as z:
        images, labels, train, test = (z[name] for name in ("images28", "character", "split_train", "split_test"))
    labels = labels.astype(np.int64)
    return SmallImages("omniglot", images[train], images[test], labels[train], labels[test])


def faces64(data: Path, limit: int | None = None) -> SmallImages:
    """Read CelebA faces, 64x64 RGB: numbers up to `FACES_TRAIN_ID` train, the others test.

    limit: read only so many, the first. Raises FileNotFoundError without the pack.
    """
    with _pack(data, "faces64") as z:
        offsets = z["offsets"] if limit is None else z["offsets"][: limit + 1]
        faces = np.stack([_face(blob) for blob in _blobs(z["jpeg"], offsets)])
        train = z["celeba_id"][: len(faces)] <= FACES_TRAIN_ID
    return SmallImages("faces64", faces[train], faces[~train])


def resize_grey(images: np.ndarray, side: int, batch: int = 10_000) -> np.ndarray:
    """Resize grey uint8 (N, h, w) pictures to (N, side, side), bilinear without antialiasing, rounded."""
    import torch
    from torch.nn.functional import interpolate

    out = np.empty((len(images), side, side), np.uint8)
    for start in range(0, len(images), batch):
        x = torch.from_numpy(images[start : start + batch]).float()[:, None]
        x = interpolate(x, (side, side), mode="bilinear", align_corners=False)
        out[start : start + batch] = x[:, 0].round().byte().numpy()
    return out


def _pack(data: Path, name: str) -> np.lib.npyio.NpzFile:
    path = data / f"{name}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; pass --data with the folder that holds {path.name}")
    pack: np.lib.npyio.NpzFile = np.load(path, allow_pickle=False)
    return pack


def _blobs(content: np.ndarray, offsets: np.ndarray) -> Iterator[io.BytesIO]:
    for start, end in pairwise(offsets):
        yield io.BytesIO(content[start:end].tobytes())


def _mosaics(content: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Cut pictures of 32x32 from lossless mosaics, row by row."""
    tiles = []
    for blob in _blobs(content, offsets):
        with Image.open(blob) as image:
            mosaic = np.asarray(image.convert("RGB"))
        rows, columns = mosaic.shape[0] // 32, mosaic.shape[1] // 32
        cut = mosaic.reshape(rows, 32, columns, 32, 3).transpose(0, 2, 1, 3, 4)  # (rows, columns, 32, 32, 3)
        tiles.append(cut.reshape(-1, 32, 32, 3))
    return np.concatenate(tiles)


def _face(blob: io.BytesIO) -> np.ndarray:
    """Cut the central square of a stored face and resize it to 64x64 by Lanczos."""
    with Image.open(blob) as image:
        left, top = (image.width - _FACE) / 2, (image.height - _FACE) / 2
        box = (left, top, left + _FACE, top + _FACE)
        return np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS, box=box))
