"""Packs one picture of a report so that nothing is recompressed lossily.

A file that browsers decode is packed as it is. Originals and every other decoded picture become lossless WebP, or PNG.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from hvaecodec.bench.measure import specs
from hvaecodec.bench.measure.codec_spec import CodecSpec
from hvaecodec.bench.measure.record_files import pixel_digest
from hvaecodec.codec.files import read_regular, write_into_folder

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage

Record = dict[str, Any]

NATIVE = {
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "webp-lossless": "image/webp",
    "avif": "image/avif",
    "png": "image/png",
}
_STARTS = {  # how a file of each type begins that a page may hold
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/avif": re.compile(rb"....ftypavif", re.DOTALL),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
}
_WEBP_SIDE = 16383  # pixels; the most that WebP holds
_KEY = ("codec", "settings", "version", "image", "pixels", "n_bytes")


class PicturePacker:
    """Packs pictures, and keeps them in a folder for the next time if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._codecs: dict[str, tuple[CodecSpec, Any, Any]] = {}

    def pack(self, image: NamedImage, record: Record | None) -> tuple[str, bytes]:
        """Return the MIME type and the bytes of an image as a record's codec shows it, of the original if None.

        Raises ValueError if the record's file cannot be made again.
        """
        path = self._path(image, record)
        kept = None if path is None else _kept(path)
        if kept is not None:
            return kept
        mime_type, data = pack_lossless(image.pixels()) if record is None else self._decoded(image.pixels(), record)
        if path is not None:
            write_into_folder(path, mime_type.encode() + b"\n" + data, force=True)
        return mime_type, data

    def _decoded(self, x: np.ndarray, record: Record) -> tuple[str, bytes]:
        """The record's file, made again, or what is decoded from it."""
        spec, encoder, decoder = self._codec(record)
        data = spec.encode(encoder, x, record["settings"]["quality"])
        if len(data) != record["n_bytes"]:
            raise ValueError(f"its file has {len(data)} bytes now, and had {record['n_bytes']}; measure again")
        mime = native_type(record)
        return (mime, data) if mime else pack_lossless(spec.decode(decoder, data))

    def _codec(self, record: Record) -> tuple[CodecSpec, Any, Any]:
        """The spec, an encoder and a decoder of the record's codec, if it is still the one that was measured."""
        label = record["codec"]
        if label not in self._codecs:
            spec = specs.parse(label)
            self._codecs[label] = spec, spec.make(), spec.make()
        spec, encoder, _ = self._codecs[label]
        if spec.version(encoder) != record["version"]:
            raise ValueError(f"measured with {record['version']}, here is {spec.version(encoder)}")
        return self._codecs[label]

    def _path(self, image: NamedImage, record: Record | None) -> Path | None:
        if self._folder is None:
            return None
        key = [image.name if record is None else None, *((record or {}).get(name) for name in _KEY)]
        if record is None:
            key.append(pixel_digest(image.pixels()))
        return self._folder / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]


def _kept(path: Path) -> tuple[str, bytes] | None:
    """Return the MIME type and the bytes of a packed picture, None if there is none, or something else in its place.

    A folder of results may come from a stranger, and what is in it goes into a page.
    """
    try:
        mime_type, _, data = read_regular(path).partition(b"\n")
    except (OSError, ValueError):
        return None
    start = _STARTS.get(mime_type.decode("latin-1"))
    return (mime_type.decode(), data) if start is not None and start.match(data) else None


def native_type(record: Record) -> str | None:
    """Return the MIME type of a record's file if browsers decode it, else None."""
    return NATIVE.get(str(record["codec"]).partition("@")[0])


def pack_lossless(x: np.ndarray) -> tuple[str, bytes]:
    """Return MIME type and bytes of a uint8 picture as lossless WebP, or as PNG if it is too large for that."""
    sink = io.BytesIO()
    if max(x.shape[:2]) > _WEBP_SIDE:
        Image.fromarray(x).save(sink, "PNG", optimize=True)
        return "image/png", sink.getvalue()
    Image.fromarray(x).convert("RGB").save(sink, "WEBP", lossless=True, quality=50, method=3)
    return "image/webp", sink.getvalue()
