"""Chooses the pictures of a report: which files are shown, in which order, and what is left out."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvaecodec.bench.metrics import image_metrics
from hvaecodec.bench.show.report.picture_packer import PicturePacker, native_type
from hvaecodec.bench.show.setting_tables import codec_names, setting_label
from hvaecodec.codec.errors import CodecError

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage
    from hvaecodec.bench.show.report import PictureChoice

ORIGINAL = "original"
_FARTHEST = math.log(2)  # a file is shown for a rate if it has half to twice of it

Record = dict[str, Any]


@dataclass
class PackedPictures:
    """The pictures of a page.

    payloads: MIME type and base64 by id. variants: what the page says of the pictures of each image, in order.
    left_out: a line for each picture that is not there, with the reason.
    """

    payloads: dict[str, tuple[str, str]] = field(default_factory=dict)
    variants: dict[str, list[Record]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        """How many bytes of the page the pictures take."""
        return sum(len(text) for _, text in self.payloads.values())


def nearest_files(records: Sequence[Record], image: str, rate: float) -> list[Record]:
    """Return for every codec the record of `image` nearest to `rate` bits per pixel on a logarithmic scale.

    A codec without a file of half to twice the rate has none.
    """
    nearest = []
    for codec in codec_names(records):
        mine = [r for r in records if r["codec"] == codec and r["image"] == image and r.get("bpp")]
        if mine:
            record = min(mine, key=lambda r: abs(math.log(r["bpp"] / rate)))
            if abs(math.log(record["bpp"] / rate)) <= _FARTHEST:
                nearest.append(record)
    return nearest


def pack_pictures(
    records: Sequence[Record],
    images: Sequence[NamedImage],
    choice: PictureChoice,
    folder: Path | None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> PackedPictures:
    """Pack the pictures of the first images, rate by rate, as long as there is room.

    folder: where packed pictures are kept for the next time, if not None.
    """
    packed, packer = PackedPictures(), PicturePacker(folder)
    jobs = list(_jobs(records, images[: choice.images], choice.rates))
    for number, (image, record) in enumerate(jobs):
        label = ORIGINAL if record is None else setting_label(record)
        progress(number, len(jobs), f"report: {image.name} {label}")
        try:
            mime, data = packer.pack(image, record)
        except (CodecError, ValueError) as reason:
            packed.left_out.append(f"{image.name}, {label}: {reason}")
            continue
        if packed.n_bytes + len(data) * 4 / 3 > choice.megabytes * 1e6:
            packed.left_out.append(f"{image.name}, {label}: no room in {choice.megabytes:g} MB")
            continue
        key = f"p{len(packed.payloads)}"
        packed.payloads[key] = (mime, base64.b64encode(data).decode())
        packed.variants.setdefault(image.name, []).append(_variant(key, label, record, mime))
    return packed


def _jobs(
    records: Sequence[Record], images: Sequence[NamedImage], rates: Sequence[float]
) -> Iterator[tuple[NamedImage, Record | None]]:
    """Every picture once, in the order in which they get room; at the first rate an image begins with its original."""
    packed_before = set()
    for index, rate in enumerate(rates):
        for image in images:
            if index == 0:
                yield image, None
            for record in nearest_files(records, image.name, rate):
                key = (image.name, setting_label(record))
                if key not in packed_before:
                    packed_before.add(key)
                    yield image, record


def _variant(key: str, label: str, record: Record | None, mime: str) -> Record:
    """What the page says of one picture: its id, its label, how it is shown, and its scores."""
    if record is None:
        return {"src": key, "label": label, "how": "lossless"}
    is_file = mime == native_type(record)
    how = "this very file, decoded by your browser" if is_file else "decoded from the file, shown losslessly"
    measures = (metric.key for metric in image_metrics.METRICS.values())
    names = ("codec", "n_bytes", "bpp", "est_bits", *measures, "encode_s", "decode_s")
    scores = {name: record[name] for name in names if record.get(name) is not None}
    return {"src": key, "label": label, "how": how, **scores}
