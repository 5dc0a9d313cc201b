"""Image compression with hierarchical VAEs: an image into a small file, and back.

>>> import hvaecodec
>>> data = hvaecodec.encode(image, quality=50)       # uint8 array or PIL image -> bytes of a whole file
>>> x_hat = hvaecodec.decode(data)                   # the file names its codec

Importing this package is cheap: networks and image libraries load when a call needs them.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.limits import DECODED_PIXELS

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from hvaecodec.codec.registry import Codec
    from hvaecodec.codec.rows import Progress, RowSource, RowTarget

__version__ = "0.1.0"
__all__ = [
    "CodecError",
    "__version__",
    "decode",
    "decode_rows",
    "encode",
    "encode_rows",
    "info",
    "load",
    "models",
    "register_pillow",
    "symbols",
]


def load(name_or_path: str | PathLike[str] = "dct-vae-photo") -> Codec:
    """Load a fresh codec object with `encode`, `decode`, `info` and `symbols`, by name or from a folder of weights.

    Raises CodecError if there is no such codec or its weights are missing.
    """
    from hvaecodec.codec import registry

    return registry.load(name_or_path)


def models() -> list[dict[str, Any]]:
    """List what is installed: one dict for each codec: `name`, `installed` and `card`, the model card.

    A codec without weights in the package has None for its card.
    """
    from hvaecodec.codec import registry

    return registry.models()


_models = models  # under a name that the package `hvaecodec.models` does not take over


def encode(
    image: np.ndarray | Image.Image,
    model: str | PathLike[str] = "dct-vae-photo",
    *,
    quality: float | None = None,
    effort: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
) -> bytes:
    """Encode an image into the bytes of a complete `.hvc` file.

    image: a PIL image or a uint8 array: (H, W) grey, (H, W, 2) grey + alpha, (H, W, 3) RGB, (H, W, 4) RGBA.
    model: the name of a codec or a folder of weights. quality: 1..100, a real number, monotone in rate; 50 without
    it, bpp (bits of the whole file per pixel) and psnr (dB, on 8-bit values), of which one may be stated. effort: 1
    fast, 2, 3 smallest; None is 2, or 1 where PyTorch is not installed.
    What a PIL image holds and the file will not is a UserWarning each. Raises ValueError or TypeError for wrong
    arguments, CodecError for a damaged PIL image or an effort that needs PyTorch where it is not installed.
    """
    from hvaecodec.codec import registry

    return registry.encode(image, model, quality=quality, effort=effort, bpp=bpp, psnr=psnr)


def decode(
    data: bytes,
    *,
    temperature: float = 0.0,
    seed: int = 0,
    scale: float = 1,
    partial: bool = False,
    generator: str = "file",
    max_pixels: int = DECODED_PIXELS,
) -> np.ndarray:
    """Decode a complete file into its picture, uint8, in the shape that was encoded.

    temperature: 0 is the picture of least distortion, 1 a sample that `seed` chooses. scale: 1, 1/2 .. 1/32.
    partial: accept a file cut after its coarsest level. generator: "file", or "latest" for the newest installed.
    max_pixels: refuse a picture of more pixels, counted in whole tiles of 32 x 32, as soon as its header is read; one
    of more than half of them is a UserWarning.
    Raises CodecError for any file that is damaged, foreign, too large or not decodable here.
    """
    from hvaecodec.codec import registry

    settings: dict[str, Any] = {"temperature": temperature, "seed": seed, "scale": scale, "partial": partial}
    return registry.decode(data, **settings, generator=generator, max_pixels=max_pixels)


def encode_rows(
    source: RowSource,
    model: str | PathLike[str] = "dct-vae-photo",
    *,
    quality: float | None = None,
    effort: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Encode a picture of which some rows at a time are read; the bytes are those that `encode` gives for the whole.

    source: has a `shape`, (H, W) or (H, W, 3), and gives `source[top:bottom]` as uint8, such as an array that is mapped
    from a file; its attributes `icc` and `exif`, if it has such, go into the file. quality, effort: as for `encode`; a
    picture of at most 64 megapixels is held whole for an effort above 1, which searches in all of it. progress: called
    with the rows that are encoded and all rows.
    Raises ValueError or TypeError for wrong arguments, CodecError for a codec that needs the whole picture.
    """
    from hvaecodec.codec import registry

    return registry.encode_rows(source, model, quality=quality, effort=effort, progress=progress)


def decode_rows(
    data: bytes,
    target: RowTarget,
    *,
    temperature: float = 0.0,
    seed: int = 0,
    scale: float = 1,
    partial: bool = False,
    generator: str = "file",
    max_pixels: int = DECODED_PIXELS,
    progress: Progress | None = None,
) -> None:
    """Decode a complete file into a target, some rows at a time; they are the rows of the picture that `decode` gives.

    target: has the `shape` of the picture, as `info` tells its height, width and mode, and takes
    `target[top:bottom] = rows`, from the top down. progress: called with the rows that are written and all rows. The
    other settings are those of `decode`.
    Raises ValueError for a target of another shape, and CodecError for a file that `decode` refuses, one with alpha or
    a codec that needs the whole picture; what was written before stays in the target.
    """
    from hvaecodec.codec import registry

    settings: dict[str, Any] = {"temperature": temperature, "seed": seed, "scale": scale, "partial": partial}
    settings |= {"generator": generator, "max_pixels": max_pixels, "progress": progress}
    registry.decode_rows(data, target, **settings)


def info(data: bytes, *, estimate: bool = False, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
    """Describe what a file holds, by its header, lengths and checksums; no weights are loaded for that.

    The dict has codec, weights, height, width, mode, quality, n_bytes, payload_bytes, levels and more. estimate: also
    decode the symbols, for est_bits, the bits that the model thinks they take; then whatever `decode` refuses is
    refused. max_pixels: as for `decode`. Raises CodecError for any file that is damaged, foreign or too large.
    """
    from hvaecodec.codec import registry

    return registry.info(data, estimate=estimate, max_pixels=max_pixels)


def symbols(data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
    """Return the decoded integers of a file, one array per level, coarse to fine.

    backend: "torch", "onnx", or "numpy" for the plain reference implementation; None is the one that serves. All give
    the same. max_pixels: as for `decode`. Raises CodecError as `decode` does.
    """
    from hvaecodec.codec import registry

    return registry.symbols(data, backend=backend, max_pixels=max_pixels)


def register_pillow() -> None:
    """Register the format HVC with Pillow, so that `Image.open` and `save` know `.hvc` files; again does no harm.

    Importing `hvaecodec.integrations.pillow` does the same. No numpy, torch or weights load before a picture needs
    them.
    """
    from hvaecodec.integrations import pillow

    pillow.register()
