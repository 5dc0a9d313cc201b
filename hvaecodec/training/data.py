"""Training pictures: photo packs held in memory as uint8, and random augmented crops of them."""

from __future__ import annotations

import re
import tarfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.images.colour import read_colour, rgb

PHOTO_TARS = ("photos/train-full.tar", "photos/train-256.tar")
MORE_TAR = "photos/train-free-more.tar"  # read where a source of it is named
VALID_TAR = "photos/valid.tar"
FREE_SOURCES = ("cid22", "clic", "elem")  # those whose repositories state a free licence
MORE_SOURCES = ("flowers", "deepin", "popos", "lomiri", "mate", "plasma")  # of `MORE_TAR`, all of them free
FREE_MORE_SOURCES = (*FREE_SOURCES, *MORE_SOURCES)
MOST = {"flowers": 150}  # photos of a source that has many alike, so that it is not most of what is seen
SUFFIXES = (".webp", ".png", ".jpg", ".jpeg")
HELD_OUT = 20  # of a plain folder every 20th picture validates

T = TypeVar("T")


class Photos(NamedTuple):
    """These are the photos to train on and those to validate on, uint8 (H, W, 3) each."""

    train: list[np.ndarray]
    valid: list[np.ndarray]


def source_of(member: str) -> str:
    """Return the source that a member's name tells, "" if none: `0017-clic-3.webp` comes from `clic`."""
    match = re.fullmatch(r"\d+-([a-z0-9]+)(-\d+)?\.\w+", Path(member).name)
    return match[1] if match else ""


def taken(names: Iterable[str], sources: Sequence[str] | None = None) -> set[str]:
    """Return those names of a pack's pictures that are read, of a source in `MOST` only the first ones.

    sources: read only those of these.
    """
    chosen, counts = set(), Counter[str]()
    for name in names:
        source = source_of(name)
        if name.endswith(SUFFIXES) and (sources is None or source in sources):
            counts[source] += 1
            if counts[source] <= MOST.get(source, counts[source]):
                chosen.add(name)
    return chosen


def tar_photos(path: Path, sources: Sequence[str] | None = None) -> list[np.ndarray]:
    """Read the pictures of a tar that are `taken`, uint8 (H, W, 3), in the order of the tar; warn of what is none."""
    files = []
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        chosen = taken((member.name for member in members), sources)
        for member in members:
            file = tar.extractfile(member) if member.name in chosen else None
            if file is not None:
                files.append((file.read(), f"{member.name} in {path}"))
    with ThreadPoolExecutor() as pool:
        return _whole(pool.map(lambda file: _read(*file), files))


def folder_photos(path: Path) -> list[np.ndarray]:
    """Read every picture under a folder, uint8 (H, W, 3), in the order of their names, and warn of what is none."""
    return _whole(_read(p, "") for p in sorted(path.rglob("*")) if p.suffix.lower() in SUFFIXES)


def _read(source: Path | bytes, name: str) -> np.ndarray | CodecError:
    """Read a picture as `encode` does, its alpha left out, as uint8 (H, W, 3); or return why it cannot be read."""
    try:
        return rgb(read_colour(source, name).pixels)
    except CodecError as error:
        return error


def _whole(pictures: Iterable[np.ndarray | CodecError]) -> list[np.ndarray]:
    """Return the pictures that could be read, and warn of each of the others."""
    whole = []
    for picture in pictures:
        if isinstance(picture, CodecError):
            warnings.warn(f"a picture is left out: {picture}", stacklevel=3)
        else:
            whole.append(picture)
    return whole


def load_photos(data: Path, sources: Sequence[str] | None = None) -> Photos:
    """Read the photos under `data`: the packs where they are, otherwise the pictures in the folder.

    sources: only these of the packs; the second pack of free photos is read where one of its sources is among them.
    Raises FileNotFoundError without pictures, ValueError if a plain folder is to be filtered by source.
    """
    tars = [data / name for name in PHOTO_TARS if (data / name).is_file()]
    if tars:
        if set(MORE_SOURCES) & set(sources or ()) and (data / MORE_TAR).is_file():
            tars.append(data / MORE_TAR)
        train = [photo for tar in tars for photo in tar_photos(tar, sources)]
        valid = tar_photos(data / VALID_TAR) if (data / VALID_TAR).is_file() else []
        return Photos(train, valid)
    if sources is not None:
        raise ValueError(f"only the packs {', '.join(PHOTO_TARS)} name the source of a picture, and {data} has none")
    photos = folder_photos(data) if data.is_dir() else []
    if not photos:
        raise FileNotFoundError(f"{data} has neither {' nor '.join(PHOTO_TARS)} nor pictures; pass --data")
    valid = photos[::HELD_OUT]
    return Photos([p for i, p in enumerate(photos) if i % HELD_OUT] or photos, valid)


def load_training_photos(data: Path) -> list[np.ndarray]:
    """Read the training photos under `data`, from all sources. Raises FileNotFoundError without pictures."""
    return load_photos(data).train


def corners(photos: Sequence[np.ndarray], side: int = 256) -> Tensor:
    """Cut the upper left of every photo, float (N, 3, s, s) in 0..255.

    s is the largest multiple of 32 up to `side` that all photos have.
    """
    side = min([side, *(n // 32 * 32 for photo in photos for n in photo.shape[:2])])
    cut = [torch.from_numpy(photo[:side, :side].copy()) for photo in photos]
    return torch.stack(cut).permute(0, 3, 1, 2).float()


class Crops:
    """Draws random square crops: flipped, turned, rescaled by 0.5..1 (antialiased), jittered in exposure and colour."""

    def __init__(self, photos: Sequence[np.ndarray], seed: int) -> None:
        self.photos = photos
        self.rng = np.random.default_rng(seed)
        self.short = np.array([min(p.shape[:2]) for p in photos])
        self.area = np.array([p.shape[0] * p.shape[1] for p in photos], float)

    def batch(self, count: int, side: int, shrink: bool = False, rng: np.random.Generator | None = None) -> Tensor:
        """Draw crops, (count, 3, side, side) float RGB in 0..255, whole numbers.

        shrink: halve every photo, so that 4:2:0 chroma becomes whole. rng: draw with this one, so that the batch
        depends on nothing drawn before. Raises ValueError if no photo is large enough.
        """
        rng = rng or self.rng
        needed = side * (1.7 if shrink else 1)
        weight = self.area**0.5 * (self.short >= needed)
        if not weight.any():
            raise ValueError(f"no training picture has {needed:.0f} pixels on its short side")
        picks = rng.choice(len(self.photos), count, p=weight / weight.sum())
        return torch.from_numpy(np.stack([_crop(self.photos[i], side, shrink, rng) for i in picks]))


def _crop(photo: np.ndarray, side: int, shrink: bool, rng: np.random.Generator) -> np.ndarray:
    smallest = max(0.5, side / min(photo.shape[:2]))
    if shrink:
        factor = rng.uniform(smallest, max(0.6, smallest))
    else:
        factor = 1.0 if rng.random() < 0.4 else rng.uniform(smallest, 1)
    source = min(round(side / factor), min(photo.shape[:2]))
    top, left = (rng.integers(n - source + 1) for n in photo.shape[:2])
    crop = photo[top : top + source, left : left + source]
    if source != side:
        crop = np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.LANCZOS))
    crop = np.rot90(crop, rng.integers(4))
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    crop = crop.astype(np.float32)
    if rng.random() < 0.5:
        gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.04, 3)).astype(np.float32)
        crop = np.clip(np.round(crop * gain.astype(np.float32)), 0, 255)
    return np.ascontiguousarray(crop.transpose(2, 0, 1))


class Ahead(Generic[T]):
    """Gives the results of `make(0), make(1), ...` in any order; threads make them ahead.

    Without workers each is made when it is asked for.
    """

    def __init__(self, make: Callable[[int], T], workers: int) -> None:
        self.make, self.depth = make, 2 * workers
        self.pool = ThreadPoolExecutor(workers) if workers else None
        self.futures: dict[int, Future[T]] = {}

    def __getitem__(self, number: int) -> T:
        """Return `make(number)`; results of smaller numbers are forgotten."""
        if self.pool is None:
            return self.make(number)
        for n in range(number, number + self.depth + 1):
            if n not in self.futures:
                self.futures[n] = self.pool.submit(self.make, n)
        self.futures = {n: future for n, future in self.futures.items() if n >= number}
        return self.futures[number].result()
