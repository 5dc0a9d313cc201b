"""Anybody's codec as a `CodecSpec`: an object with `encode` and `decode`, or a class or function that makes one."""

from __future__ import annotations

import copy
import inspect
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hvaecodec.bench.measure.codec_spec import CodecSpec
from hvaecodec.bench.measure.specs import OUR_QUALITIES


def spec_of(codec: Any, label: str | None = None) -> CodecSpec:
    """Return the spec of a person's codec; label: what it is called, its `name` or its class's name if None.

    A class or function is called for every fresh object; of an object, copies are made before it does anything.
    Its `settings` are the qualities to sweep; without `quality` in its `encode` there is one, written as 0. Without a
    `version` its records are never reused, for nobody can tell whether it changed.
    Raises TypeError if it has no `encode` and `decode`.
    """
    make = _maker(codec)
    sample = make()
    if not (hasattr(sample, "encode") and hasattr(sample, "decode")):
        raise TypeError(f"{type(sample).__name__} has no encode and decode; a codec has both")
    name = label or str(getattr(sample, "name", type(sample).__name__))
    version = str(getattr(sample, "version", f"{type(sample).__qualname__}, {uuid.uuid4().hex[:8]}"))
    if not _takes(sample.encode, "quality"):
        return CodecSpec(name, MakeWithoutQuality(make), qualities=(0,), own_version=version)
    return CodecSpec(name, make, qualities=tuple(getattr(sample, "settings", OUR_QUALITIES)), own_version=version)


def takes_temperature(spec: CodecSpec) -> bool:
    """Return whether `decode` of a codec has a `temperature`; a baseline has none, nor has one that is not here."""
    if spec.is_baseline or spec.unavailable:
        return False
    codec = spec.make()
    return _takes(codec.codec.decode if isinstance(codec, WithoutQuality) else codec.decode, "temperature")


@dataclass(frozen=True)
class MakeCopy:
    """Makes deep copies of an object as it was when it was handed in."""

    original: Any

    def __call__(self) -> Any:
        return copy.deepcopy(self.original)


@dataclass(frozen=True)
class MakeWithoutQuality:
    """Makes codecs that take a quality from those that take none."""

    make: Callable[[], Any]

    def __call__(self) -> WithoutQuality:
        return WithoutQuality(self.make())


@dataclass(frozen=True)
class WithoutQuality:
    """A codec whose `encode` takes no quality, with the `encode` that the bench calls."""

    codec: Any

    def encode(self, image: np.ndarray, quality: float) -> bytes:
        """Encode a uint8 picture, (H, W) or (H, W, 3); the quality makes no difference."""
        return bytes(self.codec.encode(image))

    def decode(self, data: bytes, **options: Any) -> np.ndarray:
        """Decode a whole file to a uint8 picture; options, as a temperature, go to the codec's own `decode`."""
        picture: np.ndarray = self.codec.decode(data, **options)
        return picture


def _maker(codec: Any) -> Callable[[], Any]:
    """The class or function itself, or what copies the object."""
    if callable(codec) and (isinstance(codec, type) or not hasattr(codec, "encode")):
        return codec
    return MakeCopy(copy.deepcopy(codec))


def _takes(function: Callable[..., Any], parameter: str) -> bool:
    return parameter in inspect.signature(function).parameters
