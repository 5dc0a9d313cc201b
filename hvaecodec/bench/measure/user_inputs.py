"""What a person hands to the bench, as what it measures: anybody's codec as a `CodecSpec`, any images as `NamedImage`s."""

from __future__ import annotations

import copy
import functools
import inspect
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.bench.data import datasets
from hvaecodec.bench.data.datasets import NamedImage
from hvaecodec.bench.measure import specs
from hvaecodec.bench.measure.specs import CodecSpec

UNNAMED = "given images"  # the name of a data set that has none


def codec_specs(
    codecs: Any, temperatures: Sequence[float] = (), effort: int | None = None
) -> tuple[list[CodecSpec], dict[str, str]]:
    """The specs of everything in `codecs`, and for each label the one without temperature.

    With `temperatures`, what has `temperature` in its `decode` and none in its specification comes once for each.
    Raises ValueError for an unknown name, TypeError for what is no codec.
    """
    found, base = [], {}
    for label, codec in _pairs(codecs):
        spec = _named(codec, label, effort) if isinstance(codec, str) else _object(codec, label)
        wanted = temperatures if "temperature" not in spec.decoding and _takes(spec, "temperature") else ()
        for each in [_at(spec, temperature) for temperature in wanted] or [spec]:
            found.append(each)
            base[each.label] = spec.label
    if len(base) < len(found):
        raise ValueError(f"a codec is named twice in {', '.join(spec.label for spec in found)}")
    return found, base


def named_images(images: Any, data: str | os.PathLike[str] | None = None) -> tuple[str, list[NamedImage]]:
    """A data set's name and images: from its name, or from arrays, PIL images and paths, perhaps in a dict by name."""
    if isinstance(images, str | os.PathLike):
        return str(images), datasets.load_dataset(str(images), data)
    named = images if isinstance(images, Mapping) else {_name(image, i): image for i, image in enumerate(images)}
    if not named:
        raise ValueError("no images were given")
    return UNNAMED, [NamedImage(str(name), _opener(image)) for name, image in named.items()]


def _pairs(codecs: Any) -> Iterable[tuple[str | None, Any]]:
    if isinstance(codecs, Mapping):
        return codecs.items()
    if isinstance(codecs, str) or not isinstance(codecs, Iterable):
        return [(None, codecs)]
    return [(None, codec) for codec in codecs]


def _named(text: str, label: str | None, effort: int | None) -> CodecSpec:
    spec = specs.parse(text, effort)
    if label is None:
        return spec
    version = "" if spec.unavailable else spec.version(spec.make() if spec.is_baseline else None)
    return replace(spec, label=label, own_version=version)


def _object(codec: Any, label: str | None) -> CodecSpec:
    """A class or function is called for every fresh codec; of an object, copies are made before it does anything."""
    makes = callable(codec) and (isinstance(codec, type) or not hasattr(codec, "encode"))
    make: Callable[[], Any] = codec if makes else functools.partial(copy.deepcopy, copy.deepcopy(codec))
    made = make()
    if not (hasattr(made, "encode") and hasattr(made, "decode")):
        raise TypeError(f"{type(made).__name__} has no encode and decode; a codec has both")
    name = label or str(getattr(made, "name", type(made).__name__))
    version = str(getattr(made, "version", f"{type(made).__qualname__}, {uuid.uuid4().hex[:8]}"))  # never reused then
    if "quality" not in inspect.signature(made.encode).parameters:
        return CodecSpec(name, False, lambda: _OneSetting(make()), (0,), own_version=version)
    return CodecSpec(name, False, make, tuple(getattr(made, "settings", specs.OUR_QUALITIES)), own_version=version)


@dataclass(frozen=True)
class _OneSetting:
    """A codec without a quality; its records have quality 0."""

    codec: Any

    def encode(self, image: np.ndarray, quality: float) -> bytes:
        return bytes(self.codec.encode(image))

    def decode(self, data: bytes, **options: Any) -> np.ndarray:
        picture: np.ndarray = self.codec.decode(data, **options)
        return picture


def _takes(spec: CodecSpec, option: str) -> bool:
    if spec.is_baseline or spec.unavailable:
        return False
    made = spec.make()
    decode = made.codec.decode if isinstance(made, _OneSetting) else made.decode
    return option in inspect.signature(decode).parameters


def _at(spec: CodecSpec, temperature: float) -> CodecSpec:
    label = f"{spec.label}{',' if '@' in spec.label else '@'}temperature={temperature:g}"
    told = {"temperature": temperature}
    return replace(spec, label=label, decoding=spec.decoding | told, options=spec.options | told)


def _name(image: Any, index: int) -> str:
    return Path(image).stem if isinstance(image, str | os.PathLike) else f"image {index + 1}"


def _opener(image: Any) -> Callable[[], Image.Image]:
    if isinstance(image, str | os.PathLike):
        return functools.partial(Image.open, image)
    if isinstance(image, Image.Image):
        return image.copy
    return functools.partial(Image.fromarray, np.asarray(image))
