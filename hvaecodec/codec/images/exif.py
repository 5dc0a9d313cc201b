"""The EXIF block of a picture as its file carries it, with the orientation reset once the pixels are upright."""

from __future__ import annotations

import struct
import warnings

from PIL import ExifTags, Image

_ORIENTATION = ExifTags.Base.Orientation
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


def read_exif(image: Image.Image, notes: list[str]) -> tuple[bytes | None, bool]:
    """Return an image's EXIF block with orientation 1, and whether the pixels must be turned first.

    A damaged block is left out and noted, and the pixels stay as they are.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of some damage
            orientation = image.getexif().get(_ORIENTATION, 1)
            block = _of_tiff(image) if image.format == "TIFF" else image.info.get("exif")
        return reset_orientation(block) if block else None, orientation in range(2, 9)
    # Which of these a damaged block raises depends on where the damage is.
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error, UserWarning):
        notes.append("its EXIF is damaged and is left out")
        return None, False


def reset_orientation(block: bytes) -> bytes:
    """Set the orientation of an EXIF block to 1, every other byte as it was; a leading `Exif` is cut off.

    Patched in place, since rewriting the tags would lose thumbnails and makers' notes.
    Raises struct.error if the block ends too soon, ValueError if it is not EXIF.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        raise ValueError("not an EXIF block")
    (ifd,) = struct.unpack_from(f"{order}I", block, 4)
    (n_tags,) = struct.unpack_from(f"{order}H", block, ifd)
    patched = bytearray(block)
    for index in range(n_tags):
        at = ifd + 2 + 12 * index
        tag, kind, count = struct.unpack_from(f"{order}HHI", block, at)
        if (tag, kind, count) == (_ORIENTATION, 3, 1):
            struct.pack_into(f"{order}H", patched, at + 8, 1)
    return bytes(patched)


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
