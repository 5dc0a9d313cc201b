"""Pillow's many pixel modes brought down to the four that codecs know: L, LA, RGB, RGBA."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from hvaecodec.codec.images.notes import Notes
from hvaecodec.codec.images.transparency import StoredSamples, transparent_plane

_PLAIN = ("L", "LA", "RGB", "RGBA")
_BY_CONVERT = {  # mode -> (mode with the same pixels, what to tell)
    "1": ("L", "1-bit picture converted to grey"),
    "PA": ("RGBA", "palette converted to RGBA"),
    "La": ("LA", "premultiplied alpha converted to plain alpha"),
    "RGBa": ("RGBA", "premultiplied alpha converted to plain alpha"),
    "RGBX": ("RGB", "unused fourth channel dropped"),
}
_BY_ROUNDING = {"YCbCr": "YCbCr converted to RGB", "HSV": "HSV converted to RGB"}


def to_plain_pixels(
    image: Image.Image, icc: bytes | None, stored: StoredSamples, notes: Notes
) -> tuple[np.ndarray, bytes | None]:
    """Convert a loaded image to uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).

    Returns it with the ICC profile that fits it now. Each conversion that changes anything is noted.
    Raises ValueError for a mode that has no conversion.
    """
    if stored.wide_colour and image.mode in (*_PLAIN, "RGBX"):
        notes.lose("16-bit samples converted to 8 bits")
    alpha = transparent_plane(image, stored)
    pixels, icc = _opaque_pixels(image, icc, notes)
    if alpha is not None:
        notes.add(f"transparent colour converted to {'LA' if pixels.ndim == 2 else 'RGBA'}")
        pixels = np.dstack([pixels, alpha])
    return pixels, icc


def _opaque_pixels(image: Image.Image, icc: bytes | None, notes: Notes) -> tuple[np.ndarray, bytes | None]:
    """Convert an image to a plain mode without a look at a colour that it declares transparent, but for palettes."""
    if image.mode in _PLAIN:
        return np.array(image), icc
    if image.mode == "P":
        target = "RGBA" if image.has_transparency_data else "RGB"
        notes.add(f"palette converted to {target}")
        return np.array(image.convert(target)), icc
    if image.mode in _BY_CONVERT:
        target, words = _BY_CONVERT[image.mode]
        notes.add(words)
        return np.array(image.convert(target)), icc
    if image.mode in _BY_ROUNDING:
        notes.lose(_BY_ROUNDING[image.mode])
        return np.array(image.convert("RGB")), icc
    if image.mode in ("CMYK", "LAB"):
        return np.array(_to_srgb(image, icc, notes)), None
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _to_8_bits(np.asarray(image), notes), icc
    raise ValueError(f"no conversion from mode {image.mode}")


def _to_srgb(image: Image.Image, icc: bytes | None, notes: Notes) -> Image.Image:
    """CMYK or LAB to sRGB, through the embedded profile where there is one that works."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    if image.mode == "LAB":
        notes.lose("LAB converted to sRGB")
        return _through(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), srgb)
    if icc:
        try:
            converted = _through(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), srgb)
            notes.lose("CMYK converted to sRGB through its profile")
            return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.lose("its ICC profile cannot be used and is left out")
    notes.lose("CMYK converted to RGB without a profile")
    return image.convert("RGB")


def _through(image: Image.Image, source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    if converted is None:
        raise ValueError("no conversion came back")
    return converted


def _to_8_bits(samples: np.ndarray, notes: Notes) -> np.ndarray:
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
    notes.lose(f"{samples.dtype} grey converted to 8 bits, {low:g}..{high:g} to 0..255")
    scaled = (values - low) * 255 / ((high - low) or 1)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
