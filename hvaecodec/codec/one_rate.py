"""Codecs with a single rate: every quality stands for it, and a target is met by it or by nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hvaecodec.codec.colour_modes import psnr_db
from hvaecodec.codec.container import Container
from hvaecodec.codec.contents import check_weights
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.settings import check_quality, check_targets

STEP_INDEX = 1  # of every file
QUALITY = 50.0  # what such a file is said to be of


def check_one_rate(quality: float | None, bpp: float | None, psnr: float | None, effort: int) -> None:
    """Raise ValueError for settings that no file could be of."""
    check_targets(quality, bpp, psnr, effort)
    if quality is not None:
        check_quality(quality)


def check_reached(
    data: bytes, pixels: np.ndarray, decode: Callable[[bytes], np.ndarray], bpp: float | None, psnr: float | None
) -> None:
    """Raise ValueError if the file of some pixels is above so many bits per pixel, or decodes to less than so many dB.

    decode: asked only for psnr.
    """
    height, width = pixels.shape[:2]
    if bpp is not None and 8 * len(data) > bpp * height * width:
        raise ValueError(f"bpp {bpp} is out of reach, for this picture there is {8 * len(data) / height / width:.4f}")
    if psnr is not None and (reached := psnr_db(pixels, decode(data))) < psnr:
        raise ValueError(f"psnr {psnr} is out of reach, for this picture there is {reached:.2f} dB")


def only_stream(found: Container, digest: bytes) -> bytes:
    """The one level stream. Raises ModelMismatch for other bitstream weights, CorruptFile for more rates or streams."""
    check_weights(found.header, digest)
    if found.header.step_index != STEP_INDEX or len(found.level_lengths) != 1:
        raise CorruptFile(
            f"step index {found.header.step_index} with {len(found.level_lengths)} level streams, expected "
            f"{STEP_INDEX} with 1"
        )
    return found.levels[0]
