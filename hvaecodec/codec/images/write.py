"""Pictures as image files: the suffix chooses the format."""

from __future__ import annotations

import io

from PIL import Image

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.images.read import LoadedImage, one_line


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
        raise CodecError(f"cannot write this picture as {form}: {one_line(cause)}") from cause
    return out.getvalue()


def check_suffix(suffix: str) -> str:
    """Return Pillow's name of the format that a suffix stands for; no suffix is PNG. Raises ValueError."""
    form = Image.registered_extensions().get(suffix.lower() or ".png")  # the call also fills Image.SAVE
    if form not in Image.SAVE or form == "HVC":  # integrations.pillow may have registered ours
        raise ValueError(f"{suffix} is not an image format that can be written; try .png")
    return form
