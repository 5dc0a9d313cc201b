"""Pillow's many pixel modes brought down to the four that codecs know: L, LA, RGB, RGBA."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

_PLAIN = ("L", "LA", "RGB", "RGBA")
_BY_CONVERT = {  # mode -> (mode with the same pixels, what to tell)
    "1": ("L", "1-bit picture converted to grey"),
    "PA": ("RGBA", "palette converted to RGBA"),
    "La": ("LA", "premultiplied alpha converted to plain alpha"),
    "RGBa": ("RGBA", "premultiplied alpha converted to plain alpha"),
    "RGBX": ("RGB", "unused fourth channel dropped"),
    "YCbCr": ("RGB", "YCbCr converted to RGB"),
    "HSV": ("RGB", "HSV converted to RGB"),
}


def note_wide_samples(image: Image.Image, notes: list[str]) -> None:
    """Append a note to `notes` if colour has 16 bits, of which Pillow keeps the upper ones; called before it loads."""
    tiles = getattr(image, "tile", ())
    if image.mode in (*_PLAIN, "RGBX") and any(";16" in str(tile) for tile in tiles):
        notes.append("16-bit samples converted to 8 bits")


def to_plain_mode(image: Image.Image, icc: bytes | None, notes: list[str]) -> tuple[Image.Image, bytes | None]:
    """Convert an image to mode L, LA, RGB or RGBA; return it with the ICC profile that fits it now.

    Each conversion that changes anything appends a sentence to `notes`.
    Raises ValueError for a mode that has no conversion.
    """
    image.load()
    if image.mode in _PLAIN:
        return _with_transparency(image, notes), icc
    if image.mode == "P":
        target = "RGBA" if "transparency" in image.info else "RGB"
        notes.append(f"palette converted to {target}")
        return image.convert(target), icc
    if image.mode in _BY_CONVERT:
        target, note = _BY_CONVERT[image.mode]
        notes.append(note)
        return image.convert(target), icc
    if image.mode in ("CMYK", "LAB"):
        return _to_srgb(image, icc, notes), None
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(_to_8_bits(np.asarray(image), notes)), icc
    raise ValueError(f"no conversion from mode {image.mode}")


def _with_transparency(image: Image.Image, notes: list[str]) -> Image.Image:
    """One colour declared transparent (a PNG or GIF chunk) becomes an alpha channel."""
    if "transparency" not in image.info or image.mode not in ("L", "RGB"):
        return image
    target = "LA" if image.mode == "L" else "RGBA"
    notes.append(f"transparent colour converted to {target}")
    return image.convert(target)


def _to_srgb(image: Image.Image, icc: bytes | None, notes: list[str]) -> Image.Image:
    """CMYK or LAB to sRGB, through the embedded profile where there is one that works."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    if image.mode == "LAB":
        notes.append("LAB converted to sRGB")
        return _through(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), srgb)
    if icc:
        try:
            converted = _through(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), srgb)
            notes.append("CMYK converted to sRGB through its profile")
            return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append("its ICC profile cannot be used and is left out")
    notes.append("CMYK converted to RGB without a profile")
    return image.convert("RGB")


def _through(image: Image.Image, source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    if converted is None:
        raise ValueError("no conversion came back")
    return converted


def _to_8_bits(samples: np.ndarray, notes: list[str]) -> np.ndarray:
    """Grey samples of 16 or 32 bits or floats, scaled to 0..255 by their nominal range.

    Integers up to 65535 count as 16-bit, floats up to 1 as fractions and up to 255 as grey levels;
    anything else is stretched from its smallest to its largest value. Not-a-number becomes black.
    """
    low, high = 0.0, 65535.0 if samples.dtype.kind in "iu" else 1.0
    values = samples.astype(np.float64)
    finite = np.isfinite(values)
    values[~finite] = values[finite].min(initial=0)
    smallest, largest = float(values.min()), float(values.max())
    if samples.dtype.kind == "f" and largest > 1:
        high = 255.0
    if smallest < low or largest > high:
        low, high = smallest, largest
    notes.append(f"{samples.dtype} grey converted to 8 bits, {low:g}..{high:g} to 0..255")
    scaled = (values - low) * 255 / ((high - low) or 1)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
