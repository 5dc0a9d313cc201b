"""Any picture that a person may have as the uint8 arrays that codecs take, and back into image files."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from hvaecodec.codec.errors import CodecError, CorruptFile
from hvaecodec.codec.files import read_bytes
from hvaecodec.codec.format.container import MAGIC, MAX_PIXELS, size_problem
from hvaecodec.codec.images import exif as exif_tags
from hvaecodec.codec.images import plugins
from hvaecodec.codec.images.modes import note_wide_samples, to_plain_mode

_MODE_OF_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_limit_lock = threading.RLock()  # an image that loads may be an .hvc file with alpha, which has to be read too


@dataclass(frozen=True)
class LoadedImage:
    """Pixels as uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), upright, with their metadata.

    notes: one short sentence for each conversion, to be told to the person.
    """

    pixels: np.ndarray
    icc: bytes | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()


def read_image(source: str | os.PathLike[str] | bytes | BinaryIO, name: str = "") -> LoadedImage:
    """Read an image file from a path, its bytes or an open file; `name` is what errors call it.

    Raises CodecError, its cause kept, for anything that is not a whole image of legal size.
    """
    if isinstance(source, str | os.PathLike):
        name, data = name or str(source), read_bytes(source)
    else:
        data = source if isinstance(source, bytes) else source.read()
    name = f"{name}: " if name else ""
    if not data:
        raise CodecError(f"{name}the file is empty, expected an image")
    if data.startswith(MAGIC):
        raise CodecError(f"{name}this is an .hvc file already, expected an image")
    plugins.import_for(data)
    try:
        with _our_pixel_limit(), Image.open(io.BytesIO(data)) as image:
            return _from_pil(image)
    except CodecError as cause:
        raise type(cause)(f"{name}{cause}") from cause
    except Image.DecompressionBombError as cause:
        raise CodecError(f"{name}the picture is above the limit of {MAX_PIXELS} pixels") from cause
    except Image.UnidentifiedImageError as cause:
        raise CodecError(f"{name}not an image in any format that Pillow reads") from cause
    # Pillow's many decoders meet damage with almost any exception: struct.error, KeyError, ...
    except Exception as cause:
        raise CodecError(f"{name}cannot read this image: {_one_line(cause)}") from cause


def from_any(image: np.ndarray | Image.Image | LoadedImage) -> LoadedImage:
    """Load what Python code passes around: a uint8 array, a PIL image or an image that is loaded already.

    Raises TypeError or ValueError for another dtype or shape, CodecError for a damaged PIL image.
    """
    if isinstance(image, LoadedImage):
        return image
    if isinstance(image, Image.Image):
        if problem := size_problem(image.height, image.width):
            raise ValueError(problem)
        try:
            with _our_pixel_limit():
                return _from_pil(image)
        except CodecError:
            raise
        except Exception as cause:  # a file opened lazily; see read_image
            raise CodecError(f"cannot read this image: {_one_line(cause)}") from cause
    if not isinstance(image, np.ndarray):
        raise TypeError(f"an image is a uint8 array or a PIL image, not {type(image).__name__}")
    if image.dtype != np.uint8:
        raise TypeError(f"array of {image.dtype}, expected uint8 with values 0..255")
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (2, 3, 4))):
        raise ValueError(f"array of shape {image.shape}, expected (H, W) or (H, W, 2, 3 or 4)")
    if problem := size_problem(image.shape[0], image.shape[1]):
        raise ValueError(problem)
    return LoadedImage(np.ascontiguousarray(image))


def mode_of(pixels: np.ndarray) -> str:
    """Return the mode of an array that `from_any` accepts: "L", "LA", "RGB" or "RGBA"."""
    return _MODE_OF_CHANNELS[1 if pixels.ndim == 2 else pixels.shape[2]]


def to_file(image: LoadedImage, suffix: str = ".png") -> bytes:
    """Write an image file with its metadata, as bytes; the suffix chooses the format.

    Raises ValueError for a suffix that `check_suffix` refuses, CodecError if the format cannot
    hold this picture.
    """
    form = check_suffix(suffix)
    options: dict[str, bytes | int | None] = {"icc_profile": image.icc, "exif": image.exif}
    if form in ("JPEG", "WEBP"):
        options["quality"] = 95
    present = {key: value for key, value in options.items() if value}
    out = io.BytesIO()
    try:
        Image.fromarray(image.pixels).save(out, form, **present)
    except (OSError, ValueError, KeyError) as cause:
        raise CodecError(f"cannot write this picture as {form}: {_one_line(cause)}") from cause
    return out.getvalue()


def check_suffix(suffix: str) -> str:
    """Return Pillow's name of the format that a suffix stands for; no suffix is PNG. Raises ValueError."""
    form = Image.registered_extensions().get(suffix.lower() or ".png")  # the call also fills Image.SAVE
    if form not in Image.SAVE or form == "HVC":  # integrations.pillow may have registered ours
        raise ValueError(f"{suffix} is not an image format that can be written; try .png")
    return form


def encode_alpha(plane: np.ndarray) -> bytes:
    """Encode an alpha plane, uint8 (H, W), as the bytes of an 8-bit grey PNG."""
    out = io.BytesIO()
    Image.fromarray(plane).save(out, "PNG", optimize=True)
    return out.getvalue()


def decode_alpha(data: bytes, height: int, width: int) -> np.ndarray:
    """Decode the plane that `encode_alpha` encoded, uint8 (height, width). Raises CorruptFile for anything else."""
    try:
        with _our_pixel_limit(), Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if (image.height, image.width, image.mode) != (height, width, "L"):
                raise CorruptFile(
                    f"alpha is {image.height} x {image.width} {image.mode}, expected {height} x {width} L"
                )
            return np.array(image)
    except CorruptFile:
        raise
    except Exception as cause:  # see read_image
        raise CorruptFile(f"cannot read the alpha stream: {_one_line(cause)}") from cause


def _from_pil(image: Image.Image) -> LoadedImage:
    if problem := size_problem(image.height, image.width):
        raise CodecError(problem)
    notes: list[str] = []
    note_wide_samples(image, notes)
    if (n_frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"the first of {n_frames} frames is used")
    icc = image.info.get("icc_profile") or None
    exif, upright = exif_tags.read_exif(image, notes)
    if upright:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright as its EXIF orientation says")
    plain, icc = to_plain_mode(image, icc, notes)
    return LoadedImage(np.array(plain, dtype=np.uint8), icc, exif, tuple(notes))


@contextmanager
def _our_pixel_limit() -> Iterator[None]:
    """Set Pillow's guard against bombs to our limit: it raises at twice its number and warns before."""
    with _limit_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning about a picture is not for the caller's ears
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _one_line(cause: BaseException) -> str:
    return " ".join(str(cause).split()) or type(cause).__name__
