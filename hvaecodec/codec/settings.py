"""The settings that every codec of the package takes, and the checks of them; what cannot work raises ValueError."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real

from hvaecodec.codec.backends import MAX_EFFORT, torch_is_needed
from hvaecodec.codec.format.limits import DECODED_PIXELS, check_max_pixels


def check_number(name: str, value: object) -> None:
    """Raise TypeError unless a setting is a real number; a text of digits is none. name: of the setting."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} is a number, not {value!r}")


def check_quality(quality: float) -> None:
    """Raise ValueError unless the quality is a real number in 1..100, TypeError unless it is a number."""
    check_number("quality", quality)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must lie in 1..100, got {quality}")


def check_targets(quality: float | None, bpp: float | None, psnr: float | None, effort: int | None) -> None:
    """Raise ValueError unless there is at most one target, with a value that can be, and an effort of 1, 2 or 3.

    bpp: bits of the whole file per pixel. psnr: dB. Effort 0, plain rounding, is there to measure what the search
    brings; None is `effort_of`'s to choose.
    """
    if sum(target is not None for target in (quality, bpp, psnr)) > 1:
        raise ValueError("give one of quality, bpp and psnr, not several")
    for name, target in (("quality", quality), ("bpp", bpp), ("psnr", psnr)):
        if target is not None:
            check_number(name, target)
    if bpp is not None and not 0 < bpp < math.inf:
        raise ValueError(f"bpp must be above 0, got {bpp}")
    if psnr is not None and not math.isfinite(psnr):
        raise ValueError(f"psnr must be a number of dB, got {psnr}")
    if effort not in (None, 0, 1, 2, 3):
        raise ValueError(f"effort must be 1, 2 or 3, got {effort}")


def check_backend(backend: str | None) -> None:
    """Raise ValueError unless there is a backend of this name for the arithmetic that reads symbols.

    None is the one that serves; "numpy" the plain reference.
    """
    if backend not in (None, "torch", "onnx", "numpy"):
        raise ValueError(f"backend must be torch, onnx or numpy, got {backend!r}")


def effort_of(effort: int | None, library: str) -> int:
    """Return the effort to encode with: the one that was asked for, or without one the highest that there is up to 2.

    library: what runs the nets, see `hvaecodec.codec.backends`. Raises CodecUnavailable for an effort that it has not.
    """
    highest = MAX_EFFORT[library]
    if effort is None:
        return min(2, highest)
    if effort > highest:
        raise torch_is_needed(f"effort {effort}")
    return effort


def thumbnail_size(scale: float | Fraction) -> int:
    """Return how many pixels a side of 32 has at a scale of 1, 1/2 ... 1/32. Raises ValueError for other scales."""
    for size in (32, 16, 8, 4, 2, 1):
        if abs(float(scale) - size / 32) < 1e-9:
            return size
    raise ValueError(f"scale must be 1, 1/2, 1/4, 1/8, 1/16 or 1/32, got {scale}")


@dataclass(frozen=True)
class Decoding:
    """The settings of `registry.Codec.decode`, checked: how a file is to be decoded. Raises ValueError."""

    temperature: float = 0.0
    seed: int = 0
    scale: float | Fraction = 1
    partial: bool = False
    generator: str = "file"
    max_pixels: int = DECODED_PIXELS

    def __post_init__(self) -> None:
        for name in ("temperature", "seed", "scale"):
            check_number(name, getattr(self, name))
        check_max_pixels(self.max_pixels)
        thumbnail_size(self.scale)
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature must lie in 0..2, got {self.temperature}")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must lie in 0..2**64-1, got {self.seed}")
        if self.generator not in ("file", "latest"):
            raise ValueError(f'generator must be "file" or "latest", got {self.generator!r}')

    @property
    def size(self) -> int:
        """The number of pixels that a side of 32 is to have at this scale."""
        return thumbnail_size(self.scale)
