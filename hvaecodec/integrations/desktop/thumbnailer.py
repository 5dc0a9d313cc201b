"""`hvaecodec-thumbnailer IN OUT SIZE` writes a small PNG of an `.hvc` file, as Linux desktops ask for it.

It decodes at the smallest scale of 1, 1/2 … 1/32 that gives at least twice SIZE, as `hvaecodec decode --scale` does,
and shrinks the result. OUT has any name and may exist, because the program that asks creates an empty file first.
"""

from __future__ import annotations

import io
import os
import sys

_USAGE = "usage: hvaecodec-thumbnailer IN OUT SIZE"
_LARGEST = 1024  # pixels; the largest thumbnails that the standard knows


def thumbnail(source: str, size: int) -> bytes:
    """Return a PNG of the picture in a file, no side longer than `size` pixels.

    Raises CodecError, or OSError, which Pillow raises, for a file that cannot be decoded.
    """
    from PIL import Image

    from hvaecodec.integrations import pillow

    pillow.register()
    out = io.BytesIO()
    with Image.open(source, formats=[pillow.FORMAT]) as image:
        image.thumbnail((size, size))
        image.save(out, "PNG")
    return out.getvalue()


def main() -> None:
    """Make the thumbnail that the words of the command ask for; exit 1 with one line if that cannot be, 2 for usage."""
    words = sys.argv[1:]
    if len(words) != 3 or not words[2].isdecimal() or not 1 <= int(words[2]) <= _LARGEST:
        print(f"error: {_USAGE}, with a size of 1 to {_LARGEST}", file=sys.stderr)
        sys.exit(2)
    os.environ.setdefault("HVAECODEC_BACKEND", "onnx")  # which starts in a fraction of the time of PyTorch
    try:
        data = thumbnail(words[0], int(words[2]))
        with open(words[1], "wb") as file:
            file.write(data)
    except Exception as error:  # whatever is wrong with a file, the program that asks shows its icon instead
        print(f"error: {words[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
