"""Measures codecs: one record for every (codec, setting, image).

A record is scored from what a fresh decoder object made of the file's bytes alone; the object that encoded never
decodes. A failure is a record too, with `error` in place of the scores.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, Protocol

import numpy as np

from hvaecodec.bench.data.datasets import NamedImage
from hvaecodec.bench.measure.codec_pair import CodecPair, Files
from hvaecodec.bench.measure.codec_spec import CodecSpec
from hvaecodec.bench.measure.machine import processor
from hvaecodec.bench.measure.record_files import Record, pixel_digest, record_key
from hvaecodec.bench.metrics import image_metrics
from hvaecodec.codec.errors import CodecUnavailable, words_of
from hvaecodec.codec.picture_decoder import PictureDecoder

Progress = Callable[[int, int, str], None]  # done, total, what is being measured


class PictureStore(Protocol):
    """Keeps more of a decoded picture than its record does."""

    def has(self, head: Record) -> bool:
        """Return whether it has all of the picture that a record's identifying fields name."""
        ...

    def keep(self, head: Record, x: np.ndarray, x_hat: np.ndarray) -> None:
        """Take the fields that identify a record, the original and the decoded picture, both uint8."""
        ...


def measure_codecs(
    images: Sequence[NamedImage],
    specs: Sequence[CodecSpec],
    metric_names: Sequence[str],
    *,
    dataset: str,
    qualities: Sequence[float] | None = None,
    earlier: Iterable[Record] = (),
    add_record: Callable[[Record], None] = lambda record: None,
    store: PictureStore | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Return a record for every codec, quality and image; those of `earlier` that still hold are not measured again.

    metric_names: of metrics of one image; mse is measured in any case. dataset: its name, for the records.
    qualities: for our codecs; a baseline sweeps its own `settings`. add_record: called with each new record as soon as
    there is one. store: gets every decoded picture; a record whose picture it lacks is measured again.
    """
    metric_names = ["mse", *(name for name in metric_names if name != "mse")]
    progress = progress or (lambda done, total, what: None)
    reusable = {record_key(record): record for record in earlier if "error" not in record}
    digests = {image.name: _digest(image) for image in images}
    settings = [(spec, quality) for spec in specs for quality in _sweep(spec, qualities)]
    total = len(settings) * len(images)
    labels = [spec.file_label for spec in specs]
    files: Files = {}  # those that several specs decode are made once
    records: list[Record] = []
    for spec, quality in settings:
        pair = CodecPair(spec, quality, files if labels.count(spec.file_label) > 1 else None)
        for image in images:
            progress(len(records), total, f"{spec.label} {quality:g} {image.name}")
            head = {"dataset": dataset, "image": image.name, "pixels": digests[image.name], **pair.head()}
            record = reusable.get(record_key(head))
            if record is None or not _has(record, metric_names) or not (store is None or store.has(head)):
                record = head | _attempt(pair, image, metric_names, head, store)
                add_record(record)
            records.append(record)
    progress(total, total, "done")
    return records


@contextlib.contextmanager
def torch_threads(n: int | None) -> Iterator[None]:
    """Run a block with `n` torch threads; None leaves them as they are."""
    if n is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _digest(image: NamedImage) -> str | None:
    """The digest of an image's pixels, None for one that cannot be read, of which a warning and its records say why."""
    try:
        return pixel_digest(image.pixels())
    except Exception as error:  # whatever a stranger's file or object raises
        warnings.warn(f"{image.name} cannot be measured: {words_of(error)}", stacklevel=4)
        return None


def _sweep(spec: CodecSpec, qualities: Sequence[float] | None) -> tuple[float, ...]:
    """The qualities of a codec: its own if it is a baseline or they were named with it, else `qualities` if any."""
    if qualities and not spec.is_baseline and not spec.own_sweep:
        return tuple(float(quality) for quality in qualities)  # 30 and 30.0 are one key
    return spec.qualities


def _attempt(
    pair: CodecPair, image: NamedImage, metric_names: Sequence[str], head: Record, store: PictureStore | None
) -> Record:
    """The fields of a record beside its head; an `error` if anything fails, for the run goes on."""
    fields: Record = {"baseline": pair.spec.is_baseline, "commit": pair.commit}
    try:
        loaded = image.load()
        x = loaded.pixels
        fields |= {"height": x.shape[0], "width": x.shape[1]}
        if loaded.notes:
            fields["notes"] = list(loaded.notes)
        if pair.spec.unavailable:
            raise CodecUnavailable(pair.spec.unavailable)
        scores, x_hat = _measure_picture(pair, x, metric_names, head["pixels"])
        if store is not None:
            store.keep(head, x, x_hat)
        return fields | scores
    except Exception as error:
        return fields | {"error": f"{type(error).__name__}: {error}"}


def _measure_picture(
    pair: CodecPair, x: np.ndarray, metric_names: Sequence[str], digest: str
) -> tuple[Record, np.ndarray]:
    """Encode, decode with the other object and score: size, scores and costs, and the decoded picture.

    Seconds are wall time after a warm-up; memory see `PeakMemory`.
    """
    data, encoding = pair.encode(x, digest)
    x_hat, decoding = pair.decode(data)
    encoder, decoder = pair.objects()
    scores, reasons = image_metrics.score_picture(x, x_hat, metric_names)
    record: Record = {"n_bytes": len(data), "bpp": image_metrics.bpp(len(data), *x.shape[:2])}
    record |= scores | ({"not_measured": reasons} if reasons else {})
    record |= {"encode_s": encoding["encode_s"], "decode_s": decoding["decode_s"], "warm_up": True}
    record |= {key: cost[key] for cost in (encoding, decoding) for key in cost if key.endswith("bytes")}
    record |= {"device": str(getattr(decoder, "device", "cpu")), "threads": _threads(pair.spec, decoder)}
    record |= {"processor": processor(), "date": datetime.now(timezone.utc).date().isoformat()}
    return record | ({} if pair.spec.is_baseline else _estimate(encoder, data, x)), x_hat


def _estimate(codec: Any, data: bytes, x: np.ndarray) -> Record:
    """The model's own estimate of the bits, if the codec gives one: never in place of n_bytes."""
    if isinstance(codec, PictureDecoder):  # ours estimate when they are asked to
        est_bits = codec.info(data, estimate=True).get("est_bits")
    else:
        est_bits = codec.info(data).get("est_bits") if hasattr(codec, "info") else None
    if isinstance(est_bits, dict):
        est_bits = sum(est_bits.values())
    elif isinstance(est_bits, (list, tuple)):
        est_bits = sum(est_bits)
    if est_bits is None:
        return {}
    return {"est_bits": float(est_bits), "est_bpp": float(est_bits) / (x.shape[0] * x.shape[1])}


def _threads(spec: CodecSpec, codec: Any) -> int:
    if spec.is_baseline:
        return int(getattr(codec, "threads", 1))
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else 1


def _has(record: Record, metric_names: Sequence[str]) -> bool:
    return all(image_metrics.get(name).key in record for name in metric_names)
