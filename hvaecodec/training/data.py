"""Training pictures: photo packs held in memory as uint8, and random augmented crops of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

PHOTO_TARS = ("photos/train-full.tar", "photos/train-256.tar")
VALID_TAR = "photos/valid.tar"


def tar_photos(path: Path) -> list[np.ndarray]:
    """Every picture of a tar, uint8 (H, W, 3), in the order of the tar."""
    photos = []
    with tarfile.open(path) as tar:
        for member in tar:
            if member.name.endswith((".webp", ".png", ".jpg")):
                file = tar.extractfile(member)
                if file is not None:
                    photos.append(np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB")))
    return photos


def folder_photos(path: Path) -> list[np.ndarray]:
    """Every picture of a folder, uint8 (H, W, 3), by name."""
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"})
    return [np.asarray(Image.open(p).convert("RGB")) for p in files]


def load_training_photos(data: Path) -> list[np.ndarray]:
    """The training photos under `data`: the packs where they are, otherwise every picture in the folder."""
    tars = [data / name for name in PHOTO_TARS if (data / name).is_file()]
    if tars:
        return [photo for tar in tars for photo in tar_photos(tar)]
    photos = folder_photos(data)
    if not photos:
        raise FileNotFoundError(f"{data} has neither {' nor '.join(PHOTO_TARS)} nor pictures; pass --data")
    return photos


class Crops:
    """Random square crops with flips, quarter turns, antialiased rescaling by 0.5..1, exposure and white balance."""

    def __init__(self, photos: Sequence[np.ndarray], seed: int) -> None:
        self.photos = photos
        self.rng = np.random.default_rng(seed)
        self.short = np.array([min(p.shape[:2]) for p in photos])
        self.area = np.array([p.shape[0] * p.shape[1] for p in photos], float)

    def batch(self, count: int, side: int, shrink: bool = False) -> Tensor:
        """(count, 3, side, side) float RGB 0..255. shrink: halve every photo, so that 4:2:0 chroma becomes whole."""
        weight = self.area**0.5 * (self.short >= side * (1.7 if shrink else 1))
        picks = self.rng.choice(len(self.photos), count, p=weight / weight.sum())
        return torch.from_numpy(np.stack([self._crop(self.photos[i], side, shrink) for i in picks]))

    def _crop(self, photo: np.ndarray, side: int, shrink: bool) -> np.ndarray:
        rng = self.rng
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
