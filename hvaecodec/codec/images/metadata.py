"""What the file of a picture says beside its pixels: the EXIF block that we keep, and what we cannot keep."""

from __future__ import annotations

import re
import struct

from PIL import ExifTags, Image

from hvaecodec.codec.format.exif_block import X_RESOLUTION, has_tag, orientation_of, reset_orientation
from hvaecodec.codec.images.notes import Notes

_RAW_PROFILE = "Raw profile type exif"  # a text of older PNGs
_XMP = ("XML:com.adobe.xmp", "xmp")
_XMP_ORIENTATION = re.compile(r'tiff:Orientation(?:="|>)([2-8])')
# A TIFF keeps its own layout among its tags; only these say something about the picture.
_TIFF_KEEP = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
_TIFF_KEEP_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def read_exif(image: Image.Image, notes: Notes) -> tuple[bytes | None, int]:
    """Return the EXIF block of an image whose pixels are loaded, with orientation 1, and the orientation it had, 1..8.

    Pillow turns a TIFF upright as it loads it, so that one has orientation 1. Where EXIF says nothing, XMP does. A
    damaged block is left out and noted, and the pixels stay as they are.
    """
    try:
        if image.format == "TIFF":
            block = _of_tiff(image)
            return reset_orientation(block) if block else None, 1
        block = image.info.get("exif") or _of_text(image.info.get(_RAW_PROFILE))
        if not block:
            return None, _orientation_of_xmp(image)
        return reset_orientation(block), orientation_of(block) or _orientation_of_xmp(image)
    # Which of these a damaged block raises depends on where the damage is.
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, AttributeError, struct.error, UserWarning):
        notes.lose("its EXIF cannot be read and is left out")
        return None, 1


def note_what_is_left_out(image: Image.Image, exif: bytes | None, notes: Notes) -> None:
    """Note the metadata of a loaded image that a file of ours does not hold. exif: the block that it does hold."""
    if any(image.info.get(key) for key in _XMP):
        notes.lose("its XMP is left out")
    resolution = image.info.get("dpi") or (1, 1)
    stated = min(resolution) > 1 and tuple(resolution) != (72, 72)  # what a TIFF and a JPEG have that state none
    if stated and not (exif and has_tag(exif, X_RESOLUTION)):
        notes.lose(f"its resolution of {' x '.join(f'{float(n):g}' for n in resolution)} dpi is left out")
    if image.info.get("comment"):
        notes.lose("its comment is left out")
    texts = sorted(str(key) for key, value in image.info.items() if image.format == "PNG" and _is_text(key, value))
    if texts:
        notes.lose(f"its texts are left out: {', '.join(texts)}")


def _is_text(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, str) and key not in (*_XMP, _RAW_PROFILE)


def _orientation_of_xmp(image: Image.Image) -> int:
    xmp = next(filter(None, map(image.info.get, _XMP)), "")
    text = xmp.decode("latin-1") if isinstance(xmp, bytes) else str(xmp)
    match = _XMP_ORIENTATION.search(text)
    return int(match[1]) if match else 1


def _of_text(text: str | None) -> bytes | None:
    """Return the block that older PNGs hold as a text: a few lines that describe it, then hexadecimal digits."""
    return bytes.fromhex("".join(text.split("\n")[3:])) if text else None


def _of_tiff(image: Image.Image) -> bytes | None:
    tags = image.getexif()
    block = Image.Exif()
    for tag in _TIFF_KEEP:
        if tag in tags:
            block[tag] = tags[tag]
    for ifd in _TIFF_KEEP_IFDS:
        if values := tags.get_ifd(ifd):
            block.get_ifd(ifd).update(values)
    return block.tobytes() if len(block) or any(block.get_ifd(i) for i in _TIFF_KEEP_IFDS) else None
