"""Times an encoder and a decoder of one codec at one setting: two objects, so that nothing leaks across."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from hvaecodec.bench.measure.codec_spec import CodecSpec
from hvaecodec.bench.measure.memory import PeakMemory
from hvaecodec.bench.measure.record_files import Record
from hvaecodec.codec.checkout import commit

Files = dict[tuple[str, float, str], tuple[bytes, Record]]  # file label, quality, digest: a file and its costs
T = TypeVar("T")


class CodecPair:
    """Two objects of one codec at one quality, made and warmed up when they are first needed.

    files: where files are kept that other specs decode too; None: nothing is kept.
    """

    def __init__(self, spec: CodecSpec, quality: float, files: Files | None = None) -> None:
        self.spec, self.quality, self._files = spec, quality, files
        self._objects: tuple[Any, Any] | None = None
        self._encoder_is_warm = self._decoder_is_warm = False
        self._version: str | None = None
        self.commit = commit()

    def head(self) -> Record:
        """Return the fields that say what is measured; with data set and image they are the record's key."""
        if self._version is None and self.spec.unavailable is None:
            self._version = self.spec.version(self.spec.make() if self.spec.is_baseline else None)
        settings = self.spec.settings(self.quality)
        return {"codec": self.spec.label, "settings": settings, "version": self._version}

    def objects(self) -> tuple[Any, Any]:
        """Return encoder and decoder. Raises RuntimeError if the codec's maker gives one object twice."""
        if self._objects is None:
            self._objects = encoder, decoder = self.spec.make(), self.spec.make()
            if encoder is decoder:
                raise RuntimeError(f"{self.spec.label} gave one object twice; the decoder must be a fresh one")
        return self._objects

    def encode(self, x: np.ndarray, digest: str) -> tuple[bytes, Record]:
        """Return the file of a uint8 picture and what it cost: `encode_s` and `encode_peak_bytes`.

        digest: names the picture. A file that another spec made is taken from there. The first file of an encoder is
        made twice, untimed before timed.
        """
        key = (self.spec.file_label, self.quality, digest)
        if self._files is not None and key in self._files:
            return self._files[key]
        encoder, _ = self.objects()
        if not self._encoder_is_warm:
            self.spec.encode(encoder, x.copy(), self.quality)
            self._encoder_is_warm = True
        own = x.copy()  # a codec may write into its input; what is scored is x
        data, costs = _timed(lambda: self.spec.encode(encoder, own, self.quality), "encode")
        if self._files is not None:
            self._files[key] = data, costs
        return data, costs

    def decode(self, data: bytes) -> tuple[np.ndarray, Record]:
        """Return the picture in a file and what it cost: `decode_s` and `decode_peak_bytes`.

        The first file of a decoder is decoded twice, untimed before timed.
        """
        _, decoder = self.objects()
        if not self._decoder_is_warm:
            self.spec.decode(decoder, data)
            self._decoder_is_warm = True
        return _timed(lambda: self.spec.decode(decoder, data), "decode")


def _timed(work: Callable[[], T], name: str) -> tuple[T, Record]:
    """What `work` returns, its wall time in seconds and the process's peak memory in bytes."""
    with PeakMemory() as peak:
        start = time.perf_counter()
        product = work()
        seconds = time.perf_counter() - start
    return product, {f"{name}_s": round(seconds, 5), f"{name}_peak_bytes": peak.n_bytes}
