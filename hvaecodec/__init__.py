"""Compress an image into a small `.hvc` file with hierarchical variational autoencoders, and decode it again.

>>> import hvaecodec
>>> data = hvaecodec.encode(image, quality=50)       # uint8 array or PIL image -> bytes of a whole file
>>> x_hat = hvaecodec.decode(data)                   # the file names its codec

Importing this package is cheap: numpy, networks and image libraries load when a call first needs them.
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
    """Load a codec and return a new object with the methods `encode`, `decode`, `info` and `symbols`.

    name_or_path: a name from `models()`, or a folder of weights that `hvaecodec train ... --export` wrote.
    Raises CodecError if there is no such codec or its weights are missing.
    """
    from hvaecodec.codec import registry

    return registry.load(name_or_path)


def models() -> list[dict[str, Any]]:
    """Return one dict for each codec that this version knows, with the keys `name`, `installed` and `card`.

    installed: whether its weights are in the package. card: its model card (data, licence, how it was trained), or
    None if the weights are not in the package.
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
    model: the name of a codec or a folder of weights.
    quality, bpp, psnr: at most one of them; without any, the quality is 50. quality: a real number in 1..100, larger
    for larger files. bpp: the largest size allowed, in bits of the whole file per pixel. psnr: the PSNR to reach, in
    dB on 8-bit values. The last two try several qualities and take longer.
    effort: how hard the encoder searches for a small file: 1 is fast, 3 gives the smallest file. None means 2, or 1
    if PyTorch is not installed; 2 and 3 need PyTorch.
    Each part of a PIL image that the file cannot hold causes a UserWarning. Raises ValueError or TypeError for wrong
    arguments and for a target that no quality reaches, CodecError for a damaged PIL image or an effort that needs
    PyTorch if that is not installed.
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
    """Decode the bytes of a complete file and return its picture, uint8, in the shape that was encoded.

    temperature: 0..2, how much random detail the decoder adds. 0 gives the picture with the least error, 1 a sample
    that looks more like a photograph. seed: chooses the sample, 0..2**64-1. scale: 1, 1/2 .. 1/32 of the sides.
    partial: also accept a file that was cut short, if its coarsest level is there. generator: "file" for the generator
    that the file names, "latest" for the newest one that is installed.
    max_pixels: a picture with more pixels, counted in whole tiles of 32 x 32, is refused as soon as its header is
    read; one with more than half as many causes a UserWarning.
    Raises CodecError for any file that is damaged, foreign, too large or cannot be decoded here, and ValueError or
    TypeError for wrong settings.
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
    """Encode a picture that is read some rows at a time; the result is the same file that `encode` would give.

    source: an object that has a `shape`, (H, W) or (H, W, 3), and returns rows for `source[top:bottom]` as uint8, for
    example an array that is mapped from a file. If it has attributes `icc` and `exif` (bytes), they go into the file.
    quality, effort: as for `encode`; for an effort above 1, a picture of at most 64 megapixels is held whole in
    memory, because the search looks at all of it. progress: is called with the number of encoded rows and of all rows.
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
    """Decode a complete file and write its picture into a target, some rows at a time; it is the one `decode` returns.

    target: an object that has the `shape` of the decoded picture (`info` returns height, width and mode) and accepts
    `target[top:bottom] = rows`; rows come from the top down. progress: is called with the number of written rows and of
    all rows. The other settings are those of `decode`.
    Raises ValueError for a target of another shape, and CodecError for a file that `decode` refuses, that has alpha, or
    whose codec needs the whole picture; rows that were written before stay in the target.
    """
    from hvaecodec.codec import registry

    settings: dict[str, Any] = {"temperature": temperature, "seed": seed, "scale": scale, "partial": partial}
    settings |= {"generator": generator, "max_pixels": max_pixels, "progress": progress}
    registry.decode_rows(data, target, **settings)


def info(data: bytes, *, estimate: bool = False, max_pixels: int = DECODED_PIXELS) -> dict[str, Any]:
    """Describe what a file holds; this reads its header, lengths and checksums, and needs no weights.

    Returns a dict with codec, weights, height, width, mode, quality, n_bytes, payload_bytes, levels and more.
    estimate: also decode the symbols and add `est_bits`, the number of bits that the model expects for them; then every
    file that `decode` refuses is refused. max_pixels: as for `decode`. Raises CodecError for any file that is damaged,
    foreign or too large.
    """
    from hvaecodec.codec import registry

    return registry.info(data, estimate=estimate, max_pixels=max_pixels)


def symbols(data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
    """Decode and return the symbols of a file, the integers that it stores: one array per level, coarse to fine.

    backend: what computes their probabilities: "torch", "onnx", or "numpy" for the plain reference implementation;
    None is the backend that `decode` uses. All give the same symbols. max_pixels: as for `decode`. Raises CodecError as
    `decode` does, ValueError for another backend.
    """
    from hvaecodec.codec import registry

    return registry.symbols(data, backend=backend, max_pixels=max_pixels)


def register_pillow() -> None:
    """Register the format HVC with Pillow, so that `Image.open` and `Image.save` can read and write `.hvc` files.

    Importing `hvaecodec.integrations.pillow` does the same; doing it twice does no harm. numpy, torch and weights load
    when a picture is first decoded or saved.
    """
    from hvaecodec.integrations import pillow

    pillow.register()
