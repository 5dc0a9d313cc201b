"""How large pictures may be: what the format holds, and what is decoded for somebody who has not asked for more.

A few bytes can declare any size, and decoding takes memory and time for each declared pixel, so the size is looked at
right after the header.
"""

from __future__ import annotations

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.own_thread import warn_caller

MAX_SIDE = 2**16 - 1
MAX_PIXELS = 2**32  # in whole tiles, of the largest picture that the format holds: a limit that refuses nothing
DECODED_PIXELS = 178_956_970  # where Pillow refuses files, unless it is told otherwise
_TILE = 32


def size_problem(height: int, width: int) -> str | None:
    """Return why no file can hold a picture of this size, or None."""
    if 1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE:
        return None
    return f"picture of {height} x {width} pixels (height x width); each side is 1 to {MAX_SIDE}"


def pixels_in_tiles(height: int, width: int) -> int:
    """Return how many pixels the whole tiles of 32 x 32 have that cover a picture."""
    return -(-height // _TILE) * -(-width // _TILE) * _TILE**2


def check_max_pixels(max_pixels: int) -> None:
    """Raise ValueError unless this can be a limit of pixels."""
    if not max_pixels >= 1:
        raise ValueError(f"max_pixels must be at least 1, got {max_pixels}")


def refuse_above(max_pixels: int, height: int, width: int) -> None:
    """Raise CodecError for a picture whose whole tiles have more pixels than `max_pixels`."""
    pixels = pixels_in_tiles(height, width)
    if pixels > max_pixels:
        raise CodecError(
            f"picture of {height} x {width} pixels, {pixels} in whole tiles, is above the limit of {max_pixels}; "
            f"if you trust the file, decode it with max_pixels={pixels} (--max-pixels {pixels})"
        )


def warn_above_half(max_pixels: int, height: int, width: int) -> None:
    """Issue a UserWarning for a picture whose whole tiles have more pixels than half of `max_pixels`."""
    pixels = pixels_in_tiles(height, width)
    if 2 * pixels > max_pixels:
        warn_caller(
            f"picture of {height} x {width} pixels, {pixels} in whole tiles, is above half the limit of {max_pixels}; "
            "a file of some bytes can declare as much to use up time and memory"
        )
