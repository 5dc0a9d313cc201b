"""Grey, alpha and metadata around a codec of colour: what else a file holds, and the picture put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.format.container import Container, Header, pack, read_header, unpack
from hvaecodec.codec.format.exif_block import upright_block
from hvaecodec.codec.format.limits import check_max_pixels, refuse_above, warn_above_half
from hvaecodec.codec.format.wire_ids import ALPHA, EXIF, ICC
from hvaecodec.codec.images import LoadedImage

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as JFIF has it
_AT_ONCE = 1 << 20  # pixels whose luma is computed together, in numbers of eight bytes


@dataclass(frozen=True)
class Origin:
    """The part of a file's header that says how it was made: the fields of `container.Header` of the same names."""

    codec: str
    step_index: int
    weights: bytes
    generator: bytes


def colour(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 pixels of any mode without their alpha, (H, W) or (H, W, 3)."""
    if pixels.ndim == 2:
        return pixels
    return {2: pixels[..., 0], 3: pixels, 4: pixels[..., :3]}[pixels.shape[2]]


def pack_picture(loaded: LoadedImage, levels: Sequence[bytes], origin: Origin) -> bytes:
    """Pack a picture into a complete file. levels: the streams of its colour, coarse to fine."""
    height, width = loaded.pixels.shape[:2]
    mode = images.mode_of(loaded.pixels)
    header = Header(origin.codec, mode, height, width, origin.step_index, origin.weights, origin.generator)
    return pack(header, levels, _extras(loaded))


def _extras(loaded: LoadedImage) -> list[tuple[int, bytes]]:
    """Return the extra streams of a picture: its metadata, and its alpha plane without loss."""
    extras = [(kind, data) for kind, data in ((ICC, loaded.icc), (EXIF, loaded.exif)) if data]
    if images.mode_of(loaded.pixels).endswith("A"):
        extras.append((ALPHA, images.encode_alpha(np.ascontiguousarray(loaded.pixels[..., -1]))))
    return extras


def unpack_picture(data: bytes, max_pixels: int, *, check_alpha: bool = True, **settings: Any) -> Container:
    """Check all of a file that can be checked before anything of it is decoded, and take it apart.

    First, by the header alone, that its whole tiles have at most `max_pixels`, with a UserWarning above half of that;
    then as `unpack` does, with its settings; then, if `check_alpha`, the alpha plane, of which nothing is kept.
    Raises CodecError.
    """
    check_max_pixels(max_pixels)
    header = read_header(data)
    refuse_above(max_pixels, header.height, header.width)
    warn_above_half(max_pixels, header.height, header.width)
    container = unpack(data, **settings)
    if check_alpha and (alpha := container.extra(ALPHA)) is not None:
        images.check_alpha(alpha, header.height, header.width)
    return container


def assemble(picture: np.ndarray, container: Container, size: int) -> LoadedImage:
    """Crop a decoded picture to the file's size, put grey and alpha back, and add the metadata.

    picture: uint8 (H', W', 3) that covers the file's height and width times size / 32, rounded up. Raises CorruptFile
    for an alpha stream that is no such plane.
    """
    header = container.header
    height, width = (-(-n * size // 32) for n in (header.height, header.width))
    picture = in_mode(picture[:height, :width], header.mode)
    if header.mode.endswith("A"):
        alpha = images.decode_alpha(container.extra(ALPHA) or b"", header.height, header.width)
        if size < 32:
            alpha = shrink(alpha, height, width)
        picture = np.dstack([picture, alpha])
    exif = container.extra(EXIF)
    return LoadedImage(np.ascontiguousarray(picture), container.extra(ICC), upright_block(exif) if exif else None)


def in_mode(picture: np.ndarray, mode: str) -> np.ndarray:
    """Return the colour of a decoded picture, uint8 (H, W, 3), or of one in grey its luma, (H, W).

    Grey went in as three equal channels; luma is what comes out of them.
    """
    if not mode.startswith("L"):
        return picture
    out = np.empty(picture.shape[:2], np.uint8)
    at_once = max(1, _AT_ONCE // picture.shape[1])
    for top in range(0, len(picture), at_once):
        out[top : top + at_once] = np.rint(picture[top : top + at_once] @ LUMA)
    return out


def shrink(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a smaller picture of (height, width) pixels, uint8, each the mean of those that it covers."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def psnr_db(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of the colour of two uint8 pictures in dB: 10 log10(255**2 / MSE)."""
    mse = float(np.mean((colour(x).astype(np.float64) - colour(x_hat)) ** 2))
    return float(10 * np.log10(255**2 / mse)) if mse else np.inf
