"""The pictures in a report: which files are shown, and how they are packed so that nothing is recompressed lossily.

A file that browsers decode is there as it is. Originals and every other decoded picture are lossless WebP, or PNG.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from hvaecodec.bench.measure import specs
from hvaecodec.bench.measure.runner import pixel_digest
from hvaecodec.bench.metrics import image_metrics
from hvaecodec.bench.show.tables import setting_label
from hvaecodec.codec.files import write_atomically

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage
    from hvaecodec.bench.show.report import Shown

NATIVE = {
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "webp-lossless": "image/webp",
    "avif": "image/avif",
    "png": "image/png",
}
ORIGINAL = "original"
_WEBP_SIDE = 16383
_FARTHEST = math.log(2)  # a file is shown for a rate if it has half to twice of it

Record = dict[str, Any]


@dataclass
class Packed:
    """Payloads by id, (MIME type, base64), for each image its variants in order, and what was left out and why."""

    payloads: dict[str, tuple[str, str]] = field(default_factory=dict)
    variants: dict[str, list[Record]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        return sum(len(text) for _, text in self.payloads.values())


def choose(records: Sequence[Record], image: str, rate: float) -> list[Record]:
    """Of every codec the file of `image` nearest to `rate` bits per pixel on a logarithmic scale, if one is near."""
    found = []
    for codec in dict.fromkeys(record["codec"] for record in records):
        mine = [r for r in records if r["codec"] == codec and r["image"] == image and r.get("bpp")]
        if mine:
            nearest = min(mine, key=lambda r: abs(math.log(r["bpp"] / rate)))
            if abs(math.log(nearest["bpp"] / rate)) <= _FARTHEST:
                found.append(nearest)
    return found


def pack(
    records: Sequence[Record],
    images: Sequence[NamedImage],
    shown: Shown,
    store: Path | None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Packed:
    """Every chosen picture of the first images, rate by rate, as long as there is room."""
    packed, maker = Packed(), Maker(store)
    jobs = list(_jobs(records, images[: shown.images], shown.rates))
    for done, (image, record) in enumerate(jobs):
        label = ORIGINAL if record is None else setting_label(record)
        progress(done, len(jobs), f"report: {image.name} {label}")
        try:
            mime, data = maker.picture(image, record)
        except ValueError as reason:
            packed.left_out.append(f"{image.name}, {label}: {reason}")
            continue
        if packed.n_bytes + len(data) * 4 / 3 > shown.megabytes * 1e6:
            packed.left_out.append(f"{image.name}, {label}: no room in {shown.megabytes:g} MB")
            continue
        key = f"p{len(packed.payloads)}"
        packed.payloads[key] = (mime, base64.b64encode(data).decode())
        own = record is not None and mime == NATIVE.get(_family(record))
        packed.variants.setdefault(image.name, []).append(_variant(key, label, image, record, own))
    return packed


def lossless(x: np.ndarray) -> tuple[str, bytes]:
    """A picture as lossless WebP, or as PNG if it is too large for that."""
    sink = io.BytesIO()
    if max(x.shape[:2]) > _WEBP_SIDE:
        Image.fromarray(x).save(sink, "PNG", optimize=True)
        return "image/png", sink.getvalue()
    Image.fromarray(x).convert("RGB").save(sink, "WEBP", lossless=True, quality=50, method=3)
    return "image/webp", sink.getvalue()


def _jobs(
    records: Sequence[Record], images: Sequence[NamedImage], rates: Sequence[float]
) -> Iterator[tuple[NamedImage, Record | None]]:
    seen = set()
    for index, rate in enumerate(rates):
        for image in images:
            if index == 0:
                yield image, None
            for record in choose(records, image.name, rate):
                key = (image.name, setting_label(record))
                if key not in seen:
                    seen.add(key)
                    yield image, record


class Maker:
    """Makes packed pictures, and keeps them in a folder if there is one."""

    def __init__(self, store: Path | None) -> None:
        self._store = store
        self._codecs: dict[str, tuple[specs.CodecSpec, Any, Any]] = {}

    def picture(self, image: NamedImage, record: Record | None) -> tuple[str, bytes]:
        """MIME type and bytes. Raises ValueError if the record's file cannot be made again."""
        parts = [image.name if record is None else None, *((record or {}).get(k) for k in _KEY)]
        if record is None:
            parts.append(pixel_digest(image.pixels()))
        path = self._path(parts)
        if path is not None and path.exists():
            mime, _, data = path.read_bytes().partition(b"\n")
            return mime.decode(), data
        found = lossless(image.pixels()) if record is None else self._coded(image.pixels(), record)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, found[0].encode() + b"\n" + found[1], force=True)
        return found

    def _coded(self, x: np.ndarray, record: Record) -> tuple[str, bytes]:
        spec, encoder, decoder = self._codec(record)
        data = spec.encode(encoder, x, record["settings"]["quality"])
        if len(data) != record["n_bytes"]:
            raise ValueError(f"its file has {len(data)} bytes now, and had {record['n_bytes']}; measure again")
        mime = NATIVE.get(_family(record))
        return (mime, data) if mime else lossless(spec.decode(decoder, data))

    def _codec(self, record: Record) -> tuple[specs.CodecSpec, Any, Any]:
        label = record["codec"]
        if label not in self._codecs:
            spec = specs.parse(label)
            self._codecs[label] = spec, spec.make(), spec.make()
        spec, encoder, _ = self._codecs[label]
        if spec.version(encoder) != record["version"]:
            raise ValueError(f"measured with {record['version']}, here is {spec.version(encoder)}")
        return self._codecs[label]

    def _path(self, parts: list[Any]) -> Path | None:
        if self._store is None:
            return None
        return self._store / hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


_KEY = ("codec", "settings", "version", "image", "pixels", "n_bytes")


def _family(record: Record) -> str:
    return str(record["codec"]).partition("@")[0]


def _variant(key: str, label: str, image: NamedImage, record: Record | None, own: bool) -> Record:
    if record is None:
        return {"src": key, "label": label, "how": "lossless"}
    measures = (metric.key for metric in image_metrics.METRICS.values())
    kept = ("codec", "n_bytes", "bpp", "est_bits", *measures, "encode_s", "decode_s")
    how = "this very file, decoded by your browser" if own else "decoded from the file, shown losslessly"
    scores = {name: record[name] for name in kept if record.get(name) is not None}
    return {"src": key, "label": label, "how": how, **scores}
