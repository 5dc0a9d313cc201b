"""Turns arrays into files and back for the Pillow baselines, with Pillow's errors in our words."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError, features
from PIL import __version__ as _PILLOW

from hvaecodec.codec.errors import CodecError, CorruptFile, NotThisFormat


def write(image: np.ndarray, file_format: str, **options: Any) -> bytes:
    """Return the bytes of `image` as a file of the format that Pillow calls `file_format`; `options` go to its `save`.

    image: uint8, (H, W) grey or (H, W, 3) RGB; ValueError is raised for others. Raises CodecError, with its cause, if
    Pillow refuses.
    """
    _check(image)
    sink = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(image)).save(sink, format=file_format, **options)
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        height, width = image.shape[:2]
        raise CodecError(f"Pillow cannot write this {width}x{height} image as {file_format}: {error}") from error
    return sink.getvalue()


def read(data: bytes, file_format: str) -> np.ndarray:
    """Return the uint8 picture in `data`: (H, W) if the file is grey, else (H, W, 3).

    Raises NotThisFormat if the bytes are no file of `file_format`, CorruptFile if Pillow cannot read it.
    """
    try:
        with Image.open(io.BytesIO(data), formats=[file_format]) as picture:
            picture.load()
            return np.array(picture if picture.mode == "L" else picture.convert("RGB"))
    except UnidentifiedImageError as error:
        raise NotThisFormat(f"{len(data)} bytes that Pillow does not take for {file_format}") from error
    except (OSError, ValueError, RuntimeError, SyntaxError, EOFError) as error:
        raise CorruptFile(f"Pillow cannot read this {file_format} file of {len(data)} bytes: {error}") from error


def version(feature: str) -> str:
    """Return Pillow's version and that of the library behind one of its features, as the records print it."""
    library = features.version(feature)
    return f"Pillow {_PILLOW}" + (f", {feature} {library}" if library else "")


def missing(feature: str) -> str | None:
    """Return why Pillow cannot write the format of a feature, or None."""
    return None if features.check(feature) else f"this Pillow {_PILLOW} was built without {feature}"


def _check(image: np.ndarray) -> None:
    grey_or_rgb = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not grey_or_rgb or image.size == 0:
        raise ValueError(f"expected uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
