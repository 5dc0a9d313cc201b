"""Pictures as image files: the suffix chooses the format, and what that does not hold is said.

Pillow drops alpha, colours, metadata and even pixels that a format does not take, mostly without a word; so what was
written is read again.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.images.read import LoadedImage, from_pil, one_line

_LOSSY = frozenset({"JPEG", "MPO", "WEBP", "AVIF", "JXL", "HEIF"})  # whose colours are others by intent
_TRUSTED = frozenset({"PNG", "EPS"})  # whose pixels are not read again; of EPS that needs another program
# Decoded photos take as many bytes at zlib's level 2 as at 6, Pillow's, and a third of the time.
_OPTIONS = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}, "PNG": {"compress_level": 2}}
_NAMES = {"icc_profile": "ICC profile", "exif": "EXIF"}  # blocks of metadata, as Pillow and as people call them


@dataclass(frozen=True)
class _Attempt:
    """A written file and what it lost of the pixels and of the metadata; or why it cannot be written."""

    data: bytes = b""
    lost_pixels: tuple[str, ...] = ()
    lost_blocks: tuple[str, ...] = ()
    problem: Exception | None = None


def to_file(image: LoadedImage, suffix: str = ".png") -> bytes:
    """Write an image file with its metadata, as bytes; the suffix chooses the format.

    What the format does not hold is left out, with a UserWarning for each loss. Raises ValueError for a suffix that
    `check_suffix` refuses, CodecError if the format cannot hold this picture or would give it another size.
    """
    form = check_suffix(suffix)
    wanted = {key: block for key, block in (("icc_profile", image.icc), ("exif", image.exif)) if block}
    attempts: list[_Attempt] = []
    for blocks in _fewer_and_fewer(wanted):
        attempts.append(_attempt(image.pixels, form, blocks, list(wanted)))
        if not attempts[-1].problem and not attempts[-1].lost_pixels:
            break
    best = min(attempts, key=lambda attempt: (attempt.problem is not None, len(attempt.lost_pixels)))
    if best.problem:
        cause = attempts[-1].problem or best.problem
        raise CodecError(f"cannot write this picture as {form}: {one_line(cause)}") from cause
    for name in (*best.lost_blocks, *best.lost_pixels):
        warnings.warn(f"{form} does not take {name}", stacklevel=2)
    return best.data


def check_suffix(suffix: str) -> str:
    """Return Pillow's name of the format that a suffix stands for; no suffix is PNG. Raises ValueError."""
    form = Image.registered_extensions().get(suffix.lower() or ".png")  # the call also fills Image.SAVE
    if form not in Image.SAVE or form == "HVC":  # integrations.pillow may have registered ours
        raise ValueError(f"{suffix} is not an image format that can be written; try .png")
    return form


def _fewer_and_fewer(blocks: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Go from all blocks of metadata to none; EXIF is the one that Pillow rewrites, and fails at."""
    yield blocks
    for left_out in ({"exif"}, {"icc_profile"}, {"exif", "icc_profile"}):
        if left_out <= blocks.keys():
            yield {key: block for key, block in blocks.items() if key not in left_out}


def _attempt(pixels: np.ndarray, form: str, blocks: dict[str, bytes], wanted: list[str]) -> _Attempt:
    """Write a file with some blocks of metadata and read it again. wanted: the blocks that there are."""
    options: dict[str, Any] = dict(_OPTIONS.get(form, {}))
    if form in ("JPEG", "MPO") and "exif" in blocks:
        options["exif"] = b"Exif\0\0" + blocks["exif"]  # without it no reader takes it for EXIF
    out = io.BytesIO()
    try:
        Image.fromarray(pixels).save(out, form, **(blocks | options))
        lost_pixels, kept = _read_again(out.getvalue(), form, pixels)
    except MemoryError:
        raise
    # Pillow's many encoders meet what they cannot write with almost any exception: struct.error, TypeError, ...
    except Exception as cause:
        return _Attempt(problem=cause)
    lost_blocks = [f"its {_NAMES[key]}, which is left out" for key in wanted if key not in blocks or key not in kept]
    return _Attempt(out.getvalue(), tuple(lost_pixels), tuple(lost_blocks))


def _read_again(data: bytes, form: str, pixels: np.ndarray) -> tuple[list[str], set[str]]:
    """Return what a file that was just written lost of the pixels, and which blocks of metadata it may hold.

    Raises ValueError if its picture has another size, and whatever Pillow does if it is none.
    """
    reader = Image.OPEN.get(form)
    if reader is None:
        return [], set(_NAMES)
    with reader[0](io.BytesIO(data), "") as written:  # not Image.open, whose limit of pixels is the process's
        height, width = pixels.shape[:2]
        if written.size != (width, height):
            raise ValueError(f"it would have {written.width} x {written.height} pixels in place of {width} x {height}")
        kept = {key for key in _NAMES if written.info.get(key)}
        kept |= {"exif"} if form == "TIFF" else set()  # where it is tags
        return [] if form in _TRUSTED else _lost_pixels(written, form, pixels), kept


def _lost_pixels(written: Image.Image, form: str, pixels: np.ndarray) -> list[str]:
    """Return what a written image does not hold of alpha, and of colours where the format is lossless."""
    alpha = _alpha(pixels)
    if form in _LOSSY and alpha is None:
        return []
    again = from_pil(written, metadata=False).pixels
    lost, alpha_again = [], _alpha(again)
    if alpha is not None and alpha_again is None and alpha.min() < 255:
        lost.append("its alpha, which is left out")
    elif alpha is not None and alpha_again is not None and (alpha_again != alpha).any():
        lost.append("all of its alpha, which is another now")
    if form not in _LOSSY and (_in_colour(again) != _in_colour(pixels)).any():
        lost.append("all of its colours, which are others now")
    return lost


def _alpha(pixels: np.ndarray) -> np.ndarray | None:
    return pixels[..., -1] if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else None


def _in_colour(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 pixels of any mode without their alpha, (H, W, 1) or (H, W, 3)."""
    if pixels.ndim == 2:
        return pixels[..., None]
    return pixels[..., : 1 if pixels.shape[2] == 2 else 3]
