"""Grey, colour and alpha around a codec of colour: what goes in besides the pixels, and the picture put together again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.format.container import ALPHA, EXIF, ICC, Container, Header, pack
from hvaecodec.codec.images import LoadedImage

LUMA = np.array([0.299, 0.587, 0.114])


def colour(pixels: np.ndarray) -> np.ndarray:
    """The pixels without alpha, (H, W) or (H, W, 3)."""
    if pixels.ndim == 2:
        return pixels
    return {2: pixels[..., 0], 3: pixels, 4: pixels[..., :3]}[pixels.shape[2]]


def pack_picture(
    loaded: LoadedImage, levels: Sequence[bytes], codec: str, step_index: int, weights: bytes, generator: bytes
) -> bytes:
    """The file of a picture. levels: streams of its colour; the rest of its header as `container.Header` has it."""
    height, width = loaded.pixels.shape[:2]
    header = Header(codec, images.mode_of(loaded.pixels), height, width, step_index, weights, generator)
    return pack(header, levels, _extras(loaded))


def _extras(loaded: LoadedImage) -> list[tuple[int, bytes]]:
    """The extra streams of a picture: its metadata, and its alpha plane without loss."""
    extras = [(kind, data) for kind, data in ((ICC, loaded.icc), (EXIF, loaded.exif)) if data]
    if images.mode_of(loaded.pixels).endswith("A"):
        extras.append((ALPHA, images.encode_alpha(np.ascontiguousarray(loaded.pixels[..., -1]))))
    return extras


def assemble(picture: np.ndarray, found: Container, size: int) -> LoadedImage:
    """Crop to the file's size (times size / 32, rounded up), put grey and alpha back, add the metadata.

    picture: uint8 (H', W', 3) that covers it.
    """
    header = found.header
    height, width = (-(-n * size // 32) for n in (header.height, header.width))
    picture = picture[:height, :width]
    if header.mode.startswith("L"):
        # Grey went in as three equal channels; luma is what comes out of them.
        picture = np.rint(picture @ LUMA).astype(np.uint8)
    if header.mode.endswith("A"):
        alpha = images.decode_alpha(found.extra(ALPHA) or b"", header.height, header.width)
        if size < 32:
            alpha = shrunk(alpha, height, width)
        picture = np.dstack([picture, alpha])
    return LoadedImage(np.ascontiguousarray(picture), found.extra(ICC), found.extra(EXIF))


def shrunk(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """A smaller picture whose pixels are means of the larger one's, uint8."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def psnr_db(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Peak signal-to-noise ratio of the colour of two uint8 pictures, peak 255."""
    mse = float(np.mean((colour(x).astype(np.float64) - colour(x_hat)) ** 2))
    return float(10 * np.log10(255**2 / mse)) if mse else np.inf
