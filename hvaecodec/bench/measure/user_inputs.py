"""What a person hands to the bench, as what it measures: codecs as `CodecSpec`s, images as `NamedImage`s."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.bench.data import datasets
from hvaecodec.bench.data.datasets import NamedImage
from hvaecodec.bench.measure import specs, user_codecs
from hvaecodec.bench.measure.codec_spec import CodecSpec
from hvaecodec.codec.images import LoadedImage, read_image

UNNAMED = "given images"  # the name of a data set that has none; it stands in records


def codec_specs(
    codecs: Any, temperatures: Sequence[float] = (), effort: int | None = None
) -> tuple[list[CodecSpec], dict[str, str]]:
    """Return the specs of everything in `codecs`, and for the label of each the label without a temperature.

    codecs: a specification, an object, class or function, some of them, or a dict of them by the label to print.
    With `temperatures`, a codec that has `temperature` in its `decode` and none in its specification comes once for
    each. effort: for our codecs, where a specification has none.
    Raises ValueError for an unknown name or a label that stands twice, TypeError for an object that is no codec.
    """
    files = [_spec(codec, label, effort) for label, codec in _labelled(codecs)]
    variants = [(variant, spec.label) for spec in files for variant in _at_each(spec, temperatures)]
    all_specs = [variant for variant, _ in variants]
    if len({spec.label for spec in all_specs}) < len(all_specs):
        raise ValueError(f"a codec is named twice in {', '.join(spec.label for spec in all_specs)}")
    return all_specs, {variant.label: label for variant, label in variants}


def named_images(images: Any, data: str | os.PathLike[str] | None = None) -> tuple[str, list[NamedImage]]:
    """Return a data set's name and its images.

    images: the name of a data set or of a folder, or arrays, PIL images and paths, perhaps in a dict by name.
    data: where the files of a named data set lie. Raises ValueError if there are none.
    """
    if isinstance(images, str | os.PathLike):
        return str(images), datasets.load_dataset(str(images), data)
    choices: list[tuple[str, ...]]
    if isinstance(images, Mapping):
        choices, pictures = [(str(name),) for name in images], list(images.values())
    else:
        pictures = list(images)
        choices = [_image_names(image, number) for number, image in enumerate(pictures)]
    if not pictures:
        raise ValueError("no images were given")
    names = datasets.unique_names(choices)
    return UNNAMED, [NamedImage(name, _opener(image)) for name, image in zip(names, pictures, strict=True)]


def _labelled(codecs: Any) -> Iterable[tuple[str | None, Any]]:
    """Every codec with its label, None where it is to be called by its own name."""
    if isinstance(codecs, Mapping):
        return codecs.items()
    if isinstance(codecs, str) or not isinstance(codecs, Iterable):
        return [(None, codecs)]
    return [(None, codec) for codec in codecs]


def _spec(codec: Any, label: str | None, effort: int | None) -> CodecSpec:
    if not isinstance(codec, str):
        return user_codecs.spec_of(codec, label)
    spec = specs.parse(codec, effort)
    if label is None:
        return spec
    version = "" if spec.unavailable else spec.version(spec.make() if spec.is_baseline else None)
    return replace(spec, label=label, own_version=version)


def _at_each(spec: CodecSpec, temperatures: Sequence[float]) -> list[CodecSpec]:
    """The codec at each temperature, or as it is if it takes none or has one already."""
    if not temperatures or "temperature" in spec.decode_options or not user_codecs.takes_temperature(spec):
        return [spec]
    return [_at(spec, temperature) for temperature in temperatures]


def _at(spec: CodecSpec, temperature: float) -> CodecSpec:
    label = f"{spec.label}{',' if '@' in spec.label else '@'}temperature={temperature:g}"
    option = {"temperature": temperature}
    return replace(spec, label=label, decode_options=spec.decode_options | option, options=spec.options | option)


def _image_names(image: Any, number: int) -> tuple[str, ...]:
    """What an image may be called: a file by its name, or if another has the same, by its path."""
    if isinstance(image, str | os.PathLike):
        return Path(image).stem, Path(image).name, os.fspath(image)
    return (f"image {number + 1}",)


def _opener(image: Any) -> Callable[[], LoadedImage | Image.Image | np.ndarray]:
    if isinstance(image, str | os.PathLike):
        return functools.partial(read_image, image)
    if isinstance(image, Image.Image):
        return image.copy
    return functools.partial(np.asarray, image)
