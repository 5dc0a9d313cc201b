"""Any picture that a person may have as the uint8 arrays that codecs take.

Nothing here changes what other threads see: no filter of warnings, no limit of Pillow. Pillow's own limit and warnings
hold for pictures that are read, as its user set them.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import read_bytes
from hvaecodec.codec.format.container import MAGIC
from hvaecodec.codec.format.limits import size_problem
from hvaecodec.codec.images import plugins, png
from hvaecodec.codec.images.metadata import note_what_is_left_out, read_exif
from hvaecodec.codec.images.modes import to_plain_pixels
from hvaecodec.codec.images.notes import Notes
from hvaecodec.codec.images.transparency import StoredSamples
from hvaecodec.codec.own_thread import warn_caller

_MODE_OF_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_UPRIGHT = {  # orientation in EXIF -> what turns such pixels upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class LoadedImage:
    """Pixels as uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), upright, with their metadata.

    notes: one short sentence for each conversion, to be told to the person. losses: those of them that say what is
    gone.
    """

    pixels: np.ndarray
    icc: bytes | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()

    def without_metadata(self) -> LoadedImage:
        """Return the same pixels without ICC profile and EXIF."""
        return replace(self, icc=None, exif=None)


def read_image(
    source: str | os.PathLike[str] | bytes | BinaryIO, name: str = "", *, metadata: bool = True
) -> LoadedImage:
    """Read an image file from a path, its bytes or an open file; `name` is what errors call it.

    metadata: whether ICC profile and EXIF are kept.
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
        with Image.open(io.BytesIO(data)) as image:
            return from_pil(image, data, metadata=metadata)
    except CodecError as cause:
        raise type(cause)(f"{name}{cause}") from cause
    except Image.DecompressionBombError as cause:
        raise CodecError(f"{name}{_above_limit()}") from cause
    except Image.UnidentifiedImageError as cause:
        raise CodecError(f"{name}not an image in any format that Pillow reads") from cause
    # Pillow's many decoders meet damage with almost any exception: struct.error, KeyError, ...
    except Exception as cause:
        raise CodecError(f"{name}cannot read this image: {one_line(cause)}") from cause


def from_any(image: np.ndarray | Image.Image | LoadedImage) -> LoadedImage:
    """Load what Python code passes around: a uint8 array, a PIL image or an image that is loaded already.

    Of a PIL image, each loss is a UserWarning. Raises TypeError or ValueError for another dtype or shape, CodecError
    for a damaged PIL image.
    """
    if isinstance(image, LoadedImage):
        return image
    if isinstance(image, Image.Image):
        loaded = from_image(image)
        for loss in loaded.losses:
            warn_caller(loss)
        return loaded
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


def from_image(image: Image.Image) -> LoadedImage:
    """Load a PIL image that came from outside; its losses are the caller's to tell.

    Raises ValueError for a size that no file has, CodecError for a damaged image.
    """
    if problem := size_problem(image.height, image.width):
        raise ValueError(problem)
    try:
        return from_pil(image, _unread_file(image))
    except CodecError:
        raise
    except Exception as cause:  # a file opened lazily; see read_image
        raise CodecError(f"cannot read this image: {one_line(cause)}") from cause


def from_pil(image: Image.Image, data: bytes | None = None, *, metadata: bool = True) -> LoadedImage:
    """Load an image, with ICC profile and EXIF if `metadata`. data: the bytes of its file, if they are there.

    Raises CodecError for a size that no file holds, and whatever Pillow does for a damaged image.
    """
    if problem := size_problem(image.height, image.width):
        raise CodecError(problem)
    if data is not None and data.startswith(png.SIGNATURE):
        png.check_chunks(data)
    stored, notes = StoredSamples.of(image, data), Notes()
    turned_by_pillow = getattr(image, "tag_v2", {}).get(ExifTags.Base.Orientation) in _UPRIGHT  # a TIFF
    # Pixels first, by this copy: what else is asked of an image may load them too, and swallow a damaged one's error.
    plain = image.copy()
    _note_frames(image, notes)
    exif, orientation = read_exif(image, notes if metadata else Notes())
    if orientation in _UPRIGHT or turned_by_pillow:
        notes.add("turned upright as its EXIF orientation says")
    pixels, icc = to_plain_pixels(plain, image.info.get("icc_profile") or None, stored, notes)
    if orientation in _UPRIGHT:
        pixels = _transpose(pixels, _UPRIGHT[orientation])
    if metadata:
        note_what_is_left_out(image, exif, notes)
    loaded = LoadedImage(np.ascontiguousarray(pixels), icc, exif, tuple(notes.every), tuple(notes.losses))
    return loaded if metadata else loaded.without_metadata()


def _transpose(pixels: np.ndarray, method: Image.Transpose) -> np.ndarray:
    return np.array(Image.fromarray(pixels).transpose(method))


def _note_frames(image: Image.Image, notes: Notes) -> None:
    """Note that an image has more frames than the one that is used, where its file is still there to be asked."""
    with suppress(ValueError, OSError, EOFError):
        if (n_frames := getattr(image, "n_frames", 1)) > 1:
            notes.lose(f"frame {image.tell() + 1} of {n_frames} is used, the others are left out")


def _unread_file(image: Image.Image) -> bytes | None:
    """Return the bytes of the file of a PNG whose pixels Pillow has not loaded yet, None for any other image."""
    file = getattr(image, "fp", None)
    if image.format != "PNG" or not getattr(image, "tile", ()) or file is None or not file.seekable():
        return None
    at = file.tell()
    file.seek(0)
    try:
        return bytes(file.read())
    finally:
        file.seek(at)


def _above_limit() -> str:
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    return f"the picture is above the limit of {limit} pixels that Pillow has; PIL.Image.MAX_IMAGE_PIXELS sets it"


def one_line(cause: BaseException) -> str:
    """Return the words of an exception in one line, or its kind if it has none."""
    return " ".join(str(cause).split()) or type(cause).__name__
