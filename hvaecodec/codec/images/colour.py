"""The colour of a picture, read in one way by all who need pixels: what is measured, or trained on, is encoded."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from hvaecodec.codec.images.alpha_and_grey import colour
from hvaecodec.codec.images.read import LoadedImage, from_any, from_image, read_image


def read_colour(source: str | os.PathLike[str] | bytes | BinaryIO, name: str = "") -> LoadedImage:
    """Read an image file as `encode` does, without its alpha: pixels are uint8 (H, W) if it is grey, else (H, W, 3).

    source, name: as `read_image` takes them. A dropped alpha is noted. Raises CodecError.
    """
    return _without_alpha(read_image(source, name))


def colour_of(image: Any) -> LoadedImage:
    """Return a picture that Python code passes around as `read_colour` returns a file's.

    image: what `from_any` takes, or an array of another kind that Pillow knows; one of 16 bits is scaled to 8.
    Raises TypeError or ValueError for anything else, CodecError for a damaged PIL image.
    """
    if not isinstance(image, LoadedImage | Image.Image):
        image = np.asarray(image)
        if image.dtype != np.uint8:
            image = Image.fromarray(image)
    return _without_alpha(from_image(image) if isinstance(image, Image.Image) else from_any(image))


def rgb(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 (H, W) or (H, W, 3) as (H, W, 3); grey has three equal channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)


def _without_alpha(image: LoadedImage) -> LoadedImage:
    pixels = np.ascontiguousarray(colour(image.pixels))
    notes = image.notes if pixels.size == image.pixels.size else (*image.notes, "alpha is left out")
    return replace(image, pixels=pixels, notes=notes)
