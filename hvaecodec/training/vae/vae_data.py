"""Pictures for the papers' VAEs: bits of grey drawings, 8-bit colours, and which of them train, validate and test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.training import small_images

_TEST_BITS = 20_231  # seed of the bits of validation and test pictures


@dataclass(frozen=True)
class VaePictures:
    """This is a data set as VAEs see it, uint8 (N, C, H, W) each part.

    grey: these are drawings, of which nets see bits; black borders make 28 x 28 into 32 x 32.
    """

    train: Tensor
    valid: Tensor
    test: Tensor
    grey: bool

    @property
    def n_values(self) -> int:
        """Return how many values a sample may have."""
        return 2 if self.grey else 256

    def fixed(self, part: Tensor) -> Tensor:
        """Turn a part into whole numbers 0..n_values - 1 as float; grey drawings into bits, always the same ones."""
        if not self.grey:
            return part.float()
        return draw_bits(part, torch.Generator().manual_seed(_TEST_BITS))


def ink_probability(grey: Tensor) -> Tensor:
    """Turn grey levels 0..255 into the probability that a bit is 1, float 0..1."""
    return grey.float() / 255


def draw_bits(grey: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw a bit for each grey level, float 0 or 1: a sample of 255 is always ink."""
    return torch.bernoulli(ink_probability(grey), generator=generator)


def load_vae_pictures(data: Path, name: str, side: int, held_out: int) -> VaePictures:
    """Read a data set of `small_images` by its name; the last `held_out` training pictures validate.

    side: of the nets' pictures, in pixels. Raises FileNotFoundError without the pack under `data`.
    """
    images: small_images.SmallImages = getattr(small_images, name)(data)
    return split_pictures(images, side, held_out)


def split_pictures(images: small_images.SmallImages, side: int, held_out: int) -> VaePictures:
    """Turn a data set into pictures of `side` pixels, of which the last `held_out` training ones validate."""
    train, test = _planes(images.train, side), _planes(images.test, side)
    cut = len(train) - held_out
    return VaePictures(train[:cut], train[cut:], test, grey=train.shape[1] == 1)


def _planes(pictures: np.ndarray, side: int) -> Tensor:
    planes = torch.from_numpy(pictures)
    planes = planes[:, None] if planes.ndim == 3 else planes.permute(0, 3, 1, 2)
    border = (side - planes.shape[-1]) // 2
    return F.pad(planes, (border,) * 4).contiguous()
