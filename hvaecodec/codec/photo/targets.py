"""Files of `dct-vae-photo` that meet a target: the largest below so many bits per pixel, the smallest of so many dB."""

from __future__ import annotations

import math
from collections.abc import Callable

from hvaecodec.codec.target_search import Ladder
from hvaecodec.models.photo.quality import N_INDICES

Encode = Callable[[int, int], bytes]  # the file of a picture by step index and effort

_EXACT = 999.0  # dB, where there is no error


def largest_within_bpp(encode: Encode, n_pixels: int, bpp: float, effort: int) -> bytes:
    """Return the largest file of a picture that takes at most `bpp` bits of the whole file per pixel.

    Raises ValueError if the smallest takes more.
    """
    ladder = Ladder(encode, lambda data: math.log(8 * len(data) / n_pixels), N_INDICES, math.log(100))
    data = ladder.largest(math.log(bpp), effort)
    if data is None:
        least = 8 * len(ladder.files[0, effort]) / n_pixels
        raise ValueError(f"bpp {bpp} is out of reach, quality 1 needs {least:.4f} bits per pixel for this picture")
    return data


def smallest_reaching_psnr(encode: Encode, psnr_of: Callable[[bytes], float], psnr: float, effort: int) -> bytes:
    """Return the smallest file that decodes to at least `psnr` dB; psnr_of decodes a file and compares.

    Raises ValueError if the largest does not.
    """
    ladder = Ladder(encode, lambda data: min(psnr_of(data), _EXACT), N_INDICES, 25.0)
    data = ladder.smallest(psnr, effort)
    if data is None:
        best = ladder.values[N_INDICES - 1, effort]
        raise ValueError(f"psnr {psnr} is out of reach, quality 100 gives {best:.2f} dB for this picture")
    return data
