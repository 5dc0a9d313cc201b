"""Alpha planes as the streams of files: 8-bit grey PNGs, of which every byte counts."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.images.read import one_line


def encode_alpha(plane: np.ndarray) -> bytes:
    """Encode an alpha plane, uint8 (H, W), as the bytes of an 8-bit grey PNG."""
    out = io.BytesIO()
    Image.fromarray(plane).save(out, "PNG", optimize=True)
    return out.getvalue()


def decode_alpha(data: bytes, height: int, width: int) -> np.ndarray:
    """Decode the plane that `encode_alpha` encoded, uint8 (height, width). Raises CorruptFile for anything else."""
    try:
        with PngImageFile(io.BytesIO(data)) as image:
            if (image.height, image.width, image.mode) != (height, width, "L"):
                raise CorruptFile(
                    f"alpha is {image.height} x {image.width} {image.mode}, expected {height} x {width} L"
                )
            return np.array(image)
    except CorruptFile:
        raise
    except Exception as cause:  # see read_image
        raise CorruptFile(f"cannot read the alpha stream: {one_line(cause)}") from cause
