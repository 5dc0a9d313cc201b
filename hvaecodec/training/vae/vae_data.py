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
    """uint8 (N, C, H, W) each. grey: drawings, of which nets see bits; black borders make 28 x 28 into 32 x 32."""

    train: Tensor
    valid: Tensor
    test: Tensor
    grey: bool

    @property
    def levels(self) -> int:
        return 2 if self.grey else 256

    def fixed(self, part: Tensor) -> Tensor:
        """Whole numbers 0..levels - 1 as float: of grey drawings one draw of bits that is always the same."""
        if not self.grey:
            return part.float()
        return bits(part, torch.Generator().manual_seed(_TEST_BITS))


def levels_of_bits(grey: Tensor) -> Tensor:
    """Grey levels in the units of bits, 0..1."""
    return grey.float() / 255


def bits(grey: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Bernoulli draws, float 0 or 1: a sample of 255 is always ink."""
    return torch.bernoulli(levels_of_bits(grey), generator=generator)


def load_vae_pictures(data: Path, name: str, side: int, held_out: int) -> VaePictures:
    """From the pack under `data`; the last `held_out` training pictures validate. Raises FileNotFoundError."""
    images: small_images.SmallImages = getattr(small_images, name)(data)
    return vae_pictures(images, side, held_out)


def vae_pictures(images: small_images.SmallImages, side: int, held_out: int) -> VaePictures:
    """The same from a data set."""
    train, test = _planes(images.train, side), _planes(images.test, side)
    cut = len(train) - held_out
    return VaePictures(train[:cut], train[cut:], test, grey=train.shape[1] == 1)


def _planes(pictures: np.ndarray, side: int) -> Tensor:
    planes = torch.from_numpy(pictures)
    planes = planes[:, None] if planes.ndim == 3 else planes.permute(0, 3, 1, 2)
    border = (side - planes.shape[-1]) // 2
    return F.pad(planes, (border,) * 4).contiguous()
