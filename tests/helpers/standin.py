"""A small lossless codec behind the registry's interface, for tests that must not need trained weights."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import numpy as np

from hvaecodec.codec import images
from hvaecodec.codec.format.container import Header, pack
from hvaecodec.codec.format.limits import DECODED_PIXELS
from hvaecodec.codec.format.wire_ids import ALPHA, EXIF, ICC
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import unpack_picture

NAME = "hqa-photo"  # a name with an id on the wire


class StandIn:
    """Level 0 is the mean colour, level 1 the pixels themselves."""

    name = NAME
    lossless = True
    fixed_rate = False
    searches = False
    card = {"codec": NAME}

    @classmethod
    def load(cls, path: Path | None = None) -> StandIn:
        return cls()

    def encode(self, image, *, quality=None, effort=2, bpp=None, psnr=None) -> bytes:
        if sum(target is not None for target in (quality, bpp, psnr)) > 1:
            raise ValueError("give one of quality, bpp and psnr")
        loaded = images.from_any(image)
        pixels = loaded.pixels
        mode = images.mode_of(pixels)
        extras = [(kind, data) for kind, data in ((ICC, loaded.icc), (EXIF, loaded.exif)) if data]
        colour = pixels
        if mode.endswith("A"):
            extras.append((ALPHA, images.encode_alpha(pixels[..., -1])))
            colour = pixels[..., :-1]
        header = Header(NAME, mode, *pixels.shape[:2], step_index=0, weights=b"\0\0\0\0", generator=b"\0\0")
        mean = colour.reshape(-1, colour[0, 0].size).mean(0).astype(np.uint8)
        return pack(header, [mean.tobytes(), zlib.compress(colour.tobytes())], extras)

    def decode(self, data, **settings) -> np.ndarray:
        return self.decode_with_metadata(data, **settings).pixels

    def decode_with_metadata(
        self, data, *, temperature=0.0, seed=0, scale=1, partial=False, generator="file", max_pixels=DECODED_PIXELS
    ) -> LoadedImage:
        found = unpack_picture(data, max_pixels, partial=partial)
        header = found.header
        shape = (header.height, header.width, 3 if "RGB" in header.mode else 1)
        if len(found.levels) == 2:
            colour = np.frombuffer(zlib.decompress(found.levels[1]), np.uint8).reshape(shape)
        else:
            warnings.warn("level 1 is incomplete and left out", stacklevel=2)
            colour = np.broadcast_to(np.frombuffer(found.levels[0], np.uint8), shape)
        alpha = found.extra(ALPHA)
        if alpha is not None:
            plane = images.decode_alpha(alpha, header.height, header.width)
            colour = np.concatenate([colour, plane[..., None]], axis=2)
        step = round(1 / scale)
        pixels = np.ascontiguousarray(colour[::step, ::step])
        if header.mode == "L":
            pixels = pixels[..., 0]
        return LoadedImage(pixels, found.extra(ICC), found.extra(EXIF))

    @classmethod
    def describe(cls, data, *, max_pixels=DECODED_PIXELS) -> dict:
        header = unpack_picture(data, max_pixels, check_alpha=False).header
        return {"codec": header.codec, "height": header.height, "width": header.width, "n_bytes": len(data)}

    def info(self, data, *, estimate=False, max_pixels=DECODED_PIXELS) -> dict:
        return self.describe(data, max_pixels=max_pixels) | ({"est_bits": {"level 0": 24.0}} if estimate else {})

    def symbols(self, data, backend="torch", *, max_pixels=DECODED_PIXELS) -> list:
        return [np.frombuffer(level, np.uint8) for level in unpack_picture(data, max_pixels).levels]


CODEC = StandIn
