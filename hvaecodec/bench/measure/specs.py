"""Codec specifications as typed: `dct-vae-photo@effort=1`, `jpeg`, `webp@method=4`, `compressai:mbt2018-mean`.

Two options are ours and reach no codec: `jpeg@quality=1` and `hqa-photo@quality=10/30/50` measure a codec at those
qualities alone, and `dct-vae-photo@like=hqa-photo` gives every picture at most the bytes that the other codec needs for
it at the quality.
Options in DECODE_OPTIONS go to `decode`, as in `dct-vae-photo@temperature=1`; the others to `encode`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.bench import baselines
from hvaecodec.codec import registry

DEFAULT_BASELINE = "jpeg"
NO_CODEC = "none"  # typed in place of a codec: only baselines are measured
OUR_QUALITIES: tuple[float, ...] = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
DECODE_OPTIONS = ("temperature", "seed", "generator")  # they change the picture and never the file


@dataclass(frozen=True)
class CodecSpec:
    """One codec to measure. `make` builds a fresh object each time; `encode` and `decode` call it with every option.

    own_sweep: the qualities were named with the codec, or it has one rate, so that a sweep for all codecs does not
    replace them.
    like: the codec whose file of a picture, at the quality, limits the bytes of ours.
    file_label: equal for two specs that make the same files and differ in how they decode them.
    """

    label: str
    is_baseline: bool
    make: Callable[[], Any]
    qualities: tuple[float, ...]
    options: dict[str, Any] = field(default_factory=dict)
    passed: dict[str, Any] = field(default_factory=dict)  # the options that `encode` takes
    unavailable: str | None = None
    like: CodecSpec | None = None
    decoding: dict[str, Any] = field(default_factory=dict)  # the options that `decode` takes
    own_version: str = ""  # of a codec that is neither ours nor a baseline
    own_sweep: bool = False

    @property
    def file_label(self) -> str:
        told = sorted((key, value) for key, value in self.options.items() if key not in self.decoding)
        return repr((self.label.partition("@")[0], told))

    def version(self, codec: Any) -> str:
        """What the records are valid for: the library's version, or ours with a digest of code and weights."""
        if self.own_version:
            return self.own_version
        if self.is_baseline:
            return str(codec.version)
        own = _our_version(self.label.partition("@")[0])
        return own if self.like is None else f"{own}, like {self.like.version(self.like.make())}"

    def encode(self, codec: Any, image: np.ndarray, quality: float) -> bytes:
        if self.like is None:
            return bytes(codec.encode(image, quality=quality, **self.passed))
        bytes_there = len(self.like.encode(self.like.make(), image, quality))
        return bytes(codec.encode(image, bpp=8 * bytes_there / (image.shape[0] * image.shape[1]), **self.passed))

    def decode(self, codec: Any, data: bytes) -> np.ndarray:
        picture: np.ndarray = codec.decode(data, **self.decoding)
        return picture

    def settings(self, quality: float) -> dict[str, Any]:
        """Everything that decides the bytes and the decoded picture, for the record."""
        return {"quality": quality, **self.options}


def codecs_to_measure(codecs: Sequence[str], baseline_names: Sequence[str]) -> list[str]:
    """Return the specifications that a bench measures when these codecs and baselines were named, codecs first.

    The default codec is measured unless a codec is named, and beside it the default baseline if nothing is named at
    all. `none` in place of a codec measures baselines alone, the default one if none is named.
    Raises ValueError if `none` stands beside a codec.
    """
    if NO_CODEC in codecs and set(codecs) != {NO_CODEC}:
        others = ", ".join(codec for codec in codecs if codec != NO_CODEC)
        raise ValueError(f"the codec {NO_CODEC!r} means baselines alone, and {others} is named beside it")
    if codecs and NO_CODEC not in codecs:
        return [*codecs, *baseline_names]
    ours = [] if codecs else [registry.DEFAULT]
    return [*ours, *(baseline_names or [DEFAULT_BASELINE])]


def parse(text: str, effort: int | None = None) -> CodecSpec:
    """The codec that `text` names. effort: for our codecs, where the text gives none.

    A codec that is known but not installed has `unavailable` set. Raises ValueError for an unknown name or option,
    CodecUnavailable for a folder without a model card.
    """
    head, _, tail = text.partition("@")
    options = _options(text, tail)
    only = tuple(_number("quality", part) for part in options.pop("quality", "").split("/") if part)
    if len(only) > 1:  # a sweep has no place in a name
        text = head + "@" * bool(options) + ",".join(f"{key}={value}" for key, value in options.items())
    name, _, model = head.partition(":")
    if name in baselines.names():
        spec = _baseline(text, name, options | ({"model": model} if model else {}))
    else:
        spec = _ours(text, head, options, effort)
    return replace(spec, qualities=only, own_sweep=True) if only else spec


def without_temperature(label: str) -> str:
    """The label of a codec that decodes the same files as they are decoded by default."""
    head, _, tail = label.partition("@")
    kept = [item for item in tail.split(",") if item and not item.startswith("temperature=")]
    return head + "@" * bool(kept) + ",".join(kept)


def _baseline(text: str, name: str, options: dict[str, str]) -> CodecSpec:
    codec = baselines.load(name, options)
    return CodecSpec(
        label=text,
        is_baseline=True,
        make=lambda: baselines.load(name, options),
        qualities=tuple(codec.settings),
        options=baselines.options_of(codec),
        unavailable=codec.unavailable(),
    )


def _ours(text: str, name: str, options: dict[str, str], effort: int | None) -> CodecSpec:
    from hvaecodec.codec.tiles import fixed_rate

    if name not in registry.CODECS and not Path(name).is_dir():
        known = ", ".join([*registry.CODECS, *baselines.names()])
        raise ValueError(f"no codec {name!r}; there are {known}, or a folder of weights")
    other = options.pop("like", None)
    like = _loaded_once(parse(other)) if other is not None else None
    given = {key: value if key == "generator" else _number(key, value) for key, value in options.items()}
    decoding = {key: given.pop(key) for key in DECODE_OPTIONS if key in given}
    passed: dict[str, Any] = given
    label = text
    if effort is not None and "effort" not in passed:
        passed["effort"] = effort
        label += ("," if "@" in text else "@") + f"effort={effort}"
    told = {**passed, **decoding} if other is None else {**passed, **decoding, "like": other}
    single = registry.has_fixed_rate(name)
    return CodecSpec(
        label,
        False,
        lambda: registry.load(name),
        (fixed_rate.QUALITY,) if single else OUR_QUALITIES,
        told,
        passed,
        like=like,
        decoding=decoding,
        own_sweep=single,
    )


def _loaded_once(spec: CodecSpec) -> CodecSpec:
    return replace(spec, make=functools.cache(spec.make))


def _options(text: str, tail: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in tail.split(",") if item]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise ValueError(f"{text!r}: after @ come key=value pairs with commas between")
    return {key: value for key, _, value in pairs}


def _number(key: str, value: str) -> int | float:
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError(f"option {key} wants a number, not {value!r}") from error
    return int(number) if number.is_integer() else number


@functools.cache
def _our_version(name: str) -> str:
    import hvaecodec

    package = Path(hvaecodec.__file__).parent
    paths = [p for part in ("codec", "models") for p in sorted((package / part).rglob("*.py"))]
    weights = Path(name) if Path(name).is_dir() else package / "weights" / name
    paths += [p for p in sorted(weights.rglob("*")) if p.is_file() and p.suffix != ".md"]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + path.read_bytes())
    return f"hvaecodec {hvaecodec.__version__}+{digest.hexdigest()[:12]}"
