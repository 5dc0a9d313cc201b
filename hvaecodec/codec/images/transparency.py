"""A colour or grey that a picture declares transparent (a PNG's tRNS chunk, a GIF's index) as an alpha plane.

A PNG compares samples as wide as it stores them, 1 to 16 bits, while Pillow shows 8 bits of most; so how wide they are
is looked up before Pillow loads the pixels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

_GREY_DEPTHS = {"L;2": 2, "L;4": 4}  # Pillow's raw modes whose samples it scales to 8 bits
_WIDE_COLOUR = "RGB;16B"  # of which it keeps the upper 8 bits
_LOWER_BITS = "RGB;16L"  # the raw mode that takes the lower 8 bits of the same samples


@dataclass(frozen=True)
class StoredSamples:
    """How a file stores its samples. raw_mode: Pillow's name for it, empty where that is not known any more.

    data: the bytes of the file, or None.
    """

    raw_mode: str
    data: bytes | None

    @classmethod
    def of(cls, image: Image.Image, data: bytes | None) -> StoredSamples:
        """Look up how the file of an image, which is not loaded yet, stores samples."""
        args = [tile[3] for tile in getattr(image, "tile", ())]
        first = args[0] if args else ""
        return cls(str(first[0] if isinstance(first, tuple) and first else first), data)

    @property
    def wide_colour(self) -> bool:
        """Whether colour has 16 bits, of which Pillow keeps the upper ones."""
        return ";16" in self.raw_mode and not self.raw_mode.startswith("I")


def transparent_plane(image: Image.Image, stored: StoredSamples) -> np.ndarray | None:
    """Return the alpha plane that a loaded image declares, uint8 (H, W): 0 where it is transparent, else 255.

    None for an image that declares none, or whose mode holds alpha already. Raises ValueError for a transparent colour
    of another kind than the mode's.
    """
    key = image.info.get("transparency")
    if key is None or image.mode not in ("1", "L", "RGB", "I", "I;16", "I;16B"):
        return None
    if image.mode == "RGB":
        mask = _colour_mask(image, _integers(key, 3), stored)
    else:
        mask = np.asarray(image).astype(np.int64) == _grey_value(image.mode, _integers(key, 1)[0], stored)
    return np.where(mask, 0, 255).astype(np.uint8)


def _grey_value(mode: str, value: int, stored: StoredSamples) -> int:
    """Return the sample of the loaded image that stands for a stored one."""
    if mode == "1":
        return int(value > 0)
    depth = _GREY_DEPTHS.get(stored.raw_mode)
    return value if depth is None else value * (255 // (2**depth - 1))


def _colour_mask(image: Image.Image, colour: np.ndarray, stored: StoredSamples) -> np.ndarray:
    """Return where an image has a colour, bool (H, W).

    Of colour with 16 bits whose file is gone, only the upper 8 bits can be compared.
    """
    pixels = np.asarray(image)
    if stored.raw_mode == _WIDE_COLOUR and stored.data is not None:
        mask = (pixels == colour >> 8) & (_lower_bits(stored.data) == colour & 255)
    else:
        mask = pixels == (colour >> 8 if colour.max() > 255 else colour)
    return np.asarray(mask.all(axis=2))


def _lower_bits(data: bytes) -> np.ndarray:
    """Return the lower 8 bits of the samples of a PNG with 16-bit colour, uint8 (H, W, 3)."""
    with PngImageFile(io.BytesIO(data)) as image:
        image.tile = [tile._replace(args=_LOWER_BITS) for tile in image.tile]
        return np.array(image)


def _integers(key: Any, count: int) -> np.ndarray:
    values = np.atleast_1d(np.asarray(key))
    if values.shape != (count,) or values.dtype.kind not in "iu":
        raise ValueError(f"the transparent colour is {key!r}, expected {count} whole numbers")
    return values.astype(np.int64)
