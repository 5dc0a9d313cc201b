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
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hvaecodec.bench.data.datasets import NamedImage
from hvaecodec.bench.measure.machine import processor
from hvaecodec.bench.measure.memory import PeakMemory
from hvaecodec.bench.measure.specs import CodecSpec
from hvaecodec.bench.metrics import image_metrics

Record = dict[str, Any]
Files = dict[tuple[str, float, str], tuple[bytes, Record]]  # file label, quality, digest: a file and what it took
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
    progress: Progress | None = None,
) -> list[Record]:
    """A record for every codec, quality and image; those in `known` that still hold are reused, not measured again.

    metric_names: mse is measured in any case. qualities: for our codecs; a baseline sweeps its own `settings`. keep: called with each new record as it is made.
    keeper: given every decoded picture; a record whose picture it does not have is measured again.
    """
    metric_names = ["mse", *(name for name in metric_names if name != "mse")]
    progress = progress or (lambda done, total, what: None)
    reusable = {_key(record): record for record in known if "error" not in record}
    digests = {image.name: pixel_digest(image.pixels()) for image in images}
    sweeps = [(spec, _qualities(spec, qualities)) for spec in specs]
    total = sum(len(sweep) for _, sweep in sweeps) * len(images)
    labels = [spec.file_label for spec in specs]
    files: Files = {}  # those that are decoded in more than one way are written once
    records: list[Record] = []
    for spec, sweep in sweeps:
        for quality in sweep:
            pair = _Pair(spec, quality, files if labels.count(spec.file_label) > 1 else None)
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


def store(out: str | os.PathLike[str] | None, fresh: bool) -> tuple[list[Record], Callable[[Record], None]]:
    """Records of earlier runs in the folder `out`, none if `fresh`, and what keeps a new one there."""
    if out is None:
        return [], lambda record: None
    path = Path(out) / "records.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and any(path.parent.iterdir()):
        raise FileExistsError(f"{path.parent} holds other files; give a new folder or one of an earlier run")
    path.touch()
    known = [] if fresh else read_records(path)
    return known, lambda record: append_record(path, record)


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
    """An encoder and a decoder of one codec at one setting: two objects, made and warmed up when first needed."""

    def __init__(self, spec: CodecSpec, quality: float, files: Files | None = None) -> None:
        self.spec, self.quality, self._files = spec, quality, files
        self._made: tuple[Any, Any] | None = None
        self._encoder_is_warm = self._decoder_is_warm = False
        self._version: str | None = None
        self.commit = commit()

    def head(self) -> Record:
        """The fields that say what is measured; with dataset and image they are the record's key."""
        if self._version is None and self.spec.unavailable is None:
            self._version = self.spec.version(self.spec.make() if self.spec.is_baseline else None)
        settings = self.spec.settings(self.quality)
        return {"codec": self.spec.label, "settings": settings, "version": self._version}

    def codecs(self) -> tuple[Any, Any]:
        """Encoder and decoder."""
        if self._made is None:
            self._made = encoder, decoder = self.spec.make(), self.spec.make()
            if encoder is decoder:
                raise RuntimeError(f"{self.spec.label} gave one object twice; the decoder must be a fresh one")
        return self._made

    def encode(self, x: np.ndarray, digest: str) -> tuple[bytes, Record]:
        """A file and what it took: from another spec that makes the same ones, or encoded now.

        The first file of an encoder is made twice, untimed before timed.
        """
        key = (self.spec.file_label, self.quality, digest)
        if self._files is not None and key in self._files:
            return self._files[key]
        encoder, _ = self.codecs()
        if not self._encoder_is_warm:
            self.spec.encode(encoder, x, self.quality)
            self._encoder_is_warm = True
        with PeakMemory() as peak:
            start = time.perf_counter()
            data = self.spec.encode(encoder, x, self.quality)
            seconds = time.perf_counter() - start
        made = bytes(data), {"encode_s": round(seconds, 5), "encode_peak_bytes": peak.n_bytes}
        if self._files is not None:
            self._files[key] = made
        return made

    def decode(self, data: bytes) -> tuple[np.ndarray, Record]:
        """The picture in a file and what it took; the first file is decoded twice, untimed before timed."""
        _, decoder = self.codecs()
        if not self._decoder_is_warm:
            self.spec.decode(decoder, data)
            self._decoder_is_warm = True
        with PeakMemory() as peak:
            start = time.perf_counter()
            x_hat = self.spec.decode(decoder, data)
            seconds = time.perf_counter() - start
        return x_hat, {"decode_s": round(seconds, 5), "decode_peak_bytes": peak.n_bytes}


def _attempt(
    pair: _Pair, image: NamedImage, metric_names: Sequence[str], head: Record, keeper: Keeper | None
) -> Record:
    x = image.pixels()
    found: Record = {"height": x.shape[0], "width": x.shape[1], "baseline": pair.spec.is_baseline}
    found["commit"] = pair.commit
    if pair.spec.unavailable:
        return found | {"error": f"CodecUnavailable: {pair.spec.unavailable}"}
    try:
        measured, x_hat = _measure(pair, x, metric_names, head["pixels"])
        if keeper is not None:
            keeper.keep(head, x, x_hat)
        return found | measured
    except Exception as error:
        return found | {"error": f"{type(error).__name__}: {error}"}


def _measure(pair: _Pair, x: np.ndarray, metric_names: Sequence[str], digest: str) -> tuple[Record, np.ndarray]:
    """Encode, decode with the other object, score; and the decoded picture.

    Seconds are wall time after a warm-up; memory see `PeakMemory`.
    """
    data, encoding = pair.encode(x, digest)
    x_hat, decoding = pair.decode(data)
    encoder, decoder = pair.codecs()
    scores, reasons = image_metrics.measure(x, x_hat, metric_names)
    record: Record = {"n_bytes": len(data), "bpp": image_metrics.bpp(len(data), *x.shape[:2])}
    record |= scores | ({"not_measured": reasons} if reasons else {})
    record |= {"encode_s": encoding["encode_s"], "decode_s": decoding["decode_s"], "warm_up": True}
    record |= {key: cost[key] for cost in (encoding, decoding) for key in cost if key.endswith("bytes")}
    record |= {"device": str(getattr(decoder, "device", "cpu")), "threads": _threads(pair.spec, decoder)}
    record |= {"processor": processor(), "date": datetime.now(timezone.utc).date().isoformat()}
    return record | ({} if pair.spec.is_baseline else _estimate(encoder, data, x)), x_hat


def _estimate(codec: Any, data: bytes, x: np.ndarray) -> Record:
    """The model's own estimate of the bits, if the codec gives one: never in place of n_bytes."""
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


def _qualities(spec: CodecSpec, qualities: Sequence[float] | None) -> tuple[float, ...]:
    """Baselines have their own settings, and so has a codec whose qualities were named with it."""
    if qualities and not spec.is_baseline and not spec.own_sweep:
        return tuple(float(quality) for quality in qualities)  # 30 and 30.0 are one key
    return spec.qualities


def _key(record: Record) -> str:
    parts = [record.get(name) for name in ("codec", "settings", "version", "image", "pixels")]
    return json.dumps(parts, sort_keys=True)


def _has(record: Record, metric_names: Sequence[str]) -> bool:
    return all(image_metrics.get(name).key in record for name in metric_names)
