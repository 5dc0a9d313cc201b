"""The ids that stand in files. Each is written down once, here, and is never used again for anything else.

docs/FORMAT.md is the norm. A new codec adds one line to `CODECS`; whatever else is to be known of it, its module says.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CodecEntry:
    """A codec's id on the wire, and the module that declares its class as `CODEC`; it is imported when asked for."""

    wire_id: int
    module: str


CODECS: dict[str, CodecEntry] = {
    "dct-vae-photo": CodecEntry(1, "hvaecodec.codec.photo.codec"),
    "hqa-photo": CodecEntry(2, "hvaecodec.codec.hqa.codec"),
    "dct-vae-cifar10": CodecEntry(3, "hvaecodec.codec.tiles.dct_vae_cifar10"),
    "srvae-cifar10": CodecEntry(4, "hvaecodec.codec.tiles.srvae_cifar10"),
}

MODE_IDS = {"L": 0, "LA": 1, "RGB": 2, "RGBA": 3}

ALPHA, ICC, EXIF = 1, 2, 3  # types of extra streams
EXTRA_NAMES = {ALPHA: "alpha", ICC: "icc", EXIF: "exif"}
LATENT_TYPES = range(16, 32)  # reserved for quantised latents below the context


def codec_with_id(wire_id: int) -> str | None:
    """Return the name of the codec that has an id, or None."""
    return next((name for name, entry in CODECS.items() if entry.wire_id == wire_id), None)


def mode_with_id(wire_id: int) -> str:
    """Return the mode that has an id, 0..3: "L", "LA", "RGB" or "RGBA"."""
    return next(mode for mode, mode_id in MODE_IDS.items() if mode_id == wire_id)
