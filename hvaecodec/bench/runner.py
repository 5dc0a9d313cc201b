"""Measures codecs: one record for every (codec, setting, image), kept as one JSON line each.

A record is scored from what a fresh decoder object made of the file's bytes alone; the object that encoded never
decodes. A failure is a record too, with `error` in place of the scores.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hvaecodec.bench import metrics
from hvaecodec.bench.datasets import NamedImage
from hvaecodec.bench.memory import PeakMemory
from hvaecodec.bench.specs import CodecSpec

Record = dict[str, Any]
Progress = Callable[[int, int, str], None]  # done, total, what is being measured


class Keeper(Protocol):
    """Keeps more of a decoded picture than its record does."""

    def has(self, head: Record) -> bool:
        """Whether it has all of this picture."""
        ...

    def keep(self, head: Record, x: np.ndarray, x_hat: np.ndarray) -> None:
        """Called with the fields that identify a record, the original and the decoded picture."""
        ...


def run_all(
    images: Sequence[NamedImage],
    specs: Sequence[CodecSpec],
    metric_names: Sequence[str],
    *,
    dataset: str,
    qualities: Sequence[float] | None = None,
    known: Iterable[Record] = (),
    keep: Callable[[Record], None] = lambda record: None,
    keeper: Keeper | None = None,
    progress: Progress = lambda done, total, what: None,
) -> list[Record]:
    """A record for every codec, quality and image; those in `known` that still hold are reused, not measured again.

    qualities: for our codecs; a baseline sweeps its own `settings`. keep: called with each new record as it is made.
    keeper: given every decoded picture; a record whose picture it does not have is measured again.
    """
    reusable = {_key(record): record for record in known if "error" not in record}
    digests = {image.name: pixel_digest(image.pixels()) for image in images}
    sweeps = [(spec, _qualities(spec, qualities)) for spec in specs]
    total = sum(len(sweep) for _, sweep in sweeps) * len(images)
    records: list[Record] = []
    for spec, sweep in sweeps:
        for quality in sweep:
            pair = _Pair(spec, quality)
            for image in images:
                progress(len(records), total, f"{spec.label} {quality:g} {image.name}")
                head = {"dataset": dataset, "image": image.name, "pixels": digests[image.name], **pair.head()}
                record = reusable.get(_key(head))
                if record is None or not _has(record, metric_names) or not (keeper is None or keeper.has(head)):
                    record = head | _attempt(pair, image, metric_names, head, keeper)
                    keep(record)
                records.append(record)
    progress(total, total, "done")
    return records


def read_records(path: Path) -> list[Record]:
    """The records in a JSON-lines file; a line torn by an interrupted run is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def append_record(path: Path, record: Record) -> None:
    """Add one line to a JSON-lines file, on a line of its own even if an interrupted run left half of one."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        else:
            torn = False
        file.write(b"\n" * torn + json.dumps(record, allow_nan=False).encode() + b"\n")


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


def pixel_digest(x: np.ndarray) -> str:
    """Names a picture by its shape and pixels, so that a record is reused only for the same picture."""
    return hashlib.sha256(str(x.shape).encode() + np.ascontiguousarray(x).tobytes()).hexdigest()[:12]


def commit() -> str | None:
    """The commit of the checkout this runs from, with `-dirty` if a tracked file differs; None if there is none."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


class _Pair:
    """An encoder and a decoder of one codec at one setting: two objects, made when first needed."""

    def __init__(self, spec: CodecSpec, quality: float) -> None:
        self.spec, self.quality = spec, quality
        self._made: tuple[Any, Any] | None = None
        self._version: str | None = None
        self.commit = commit()

    def head(self) -> Record:
        """The fields that say what is measured; with dataset and image they are the record's key."""
        if self._version is None and self.spec.unavailable is None:
            self._version = self.spec.version(self.spec.make() if self.spec.is_baseline else None)
        settings = self.spec.settings(self.quality)
        return {"codec": self.spec.label, "settings": settings, "version": self._version}

    def codecs(self, image: np.ndarray) -> tuple[Any, Any]:
        """Both objects, warmed up by one untimed round on `image` when they are made."""
        if self._made is None:
            self._made = encoder, decoder = self.spec.make(), self.spec.make()
            if encoder is decoder:
                raise RuntimeError(f"{self.spec.label} gave one object twice; the decoder must be a fresh one")
            decoder.decode(self.spec.encode(encoder, image, self.quality))
        return self._made


def _attempt(
    pair: _Pair, image: NamedImage, metric_names: Sequence[str], head: Record, keeper: Keeper | None
) -> Record:
    x = image.pixels()
    found: Record = {"height": x.shape[0], "width": x.shape[1], "baseline": pair.spec.is_baseline}
    found["commit"] = pair.commit
    if pair.spec.unavailable:
        return found | {"error": f"CodecUnavailable: {pair.spec.unavailable}"}
    try:
        measured, x_hat = _measure(pair, x, metric_names)
        if keeper is not None:
            keeper.keep(head, x, x_hat)
        return found | measured
    except Exception as error:
        return found | {"error": f"{type(error).__name__}: {error}"}


def _measure(pair: _Pair, x: np.ndarray, metric_names: Sequence[str]) -> tuple[Record, np.ndarray]:
    """Encode, decode with the other object, score; and the decoded picture.

    Seconds are wall time after a warm-up; memory see `PeakMemory`.
    """
    encoder, decoder = pair.codecs(x)
    with PeakMemory() as encode_peak:
        start = time.perf_counter()
        data = pair.spec.encode(encoder, x, pair.quality)
        encode_s = time.perf_counter() - start
    with PeakMemory() as decode_peak:
        start = time.perf_counter()
        x_hat = decoder.decode(bytes(data))
        decode_s = time.perf_counter() - start
    scores, reasons = metrics.measure(x, x_hat, metric_names)
    record: Record = {"n_bytes": len(data), "bpp": metrics.bpp(len(data), *x.shape[:2])}
    record |= scores | ({"not_measured": reasons} if reasons else {})
    record |= {"encode_s": round(encode_s, 5), "decode_s": round(decode_s, 5), "warm_up": True}
    record |= {"encode_peak_bytes": encode_peak.n_bytes, "decode_peak_bytes": decode_peak.n_bytes}
    record |= {"device": str(getattr(decoder, "device", "cpu")), "threads": _threads(pair.spec, decoder)}
    return record | ({} if pair.spec.is_baseline else _estimate(encoder, data, x)), x_hat


def _estimate(codec: Any, data: bytes, x: np.ndarray) -> Record:
    """The model's own estimate of the bits, if the codec gives one: never in place of n_bytes."""
    est_bits = codec.info(data).get("est_bits")
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


def _qualities(spec: CodecSpec, qualities: Sequence[float] | None) -> tuple[float, ...]:
    if qualities and not spec.is_baseline:
        return tuple(qualities)
    return spec.qualities


def _key(record: Record) -> str:
    parts = [record.get(name) for name in ("codec", "settings", "version", "image", "pixels")]
    return json.dumps(parts, sort_keys=True)


def _has(record: Record, metric_names: Sequence[str]) -> bool:
    return all(metrics.get(name).key in record for name in metric_names)
