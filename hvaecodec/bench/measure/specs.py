"""Codec specifications as typed: `dct-vae-photo@effort=1`, `jpeg`, `webp@method=4`, `compressai:mbt2018-mean`.

Two options are the bench's and reach no codec: `jpeg@quality=1` and `hqa-photo@quality=10/30/50` measure a codec at
those qualities alone, and `dct-vae-photo@like=hqa-photo` gives every picture at most the bytes that the other codec
needs for it at the quality. Options in DECODE_OPTIONS go to `decode`, as in `dct-vae-photo@temperature=1`; the others
go to `encode`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hvaecodec.bench import baselines
from hvaecodec.bench.measure.codec_spec import CodecSpec, SizeLimit
from hvaecodec.codec import registry

DEFAULT_BASELINE = "jpeg"
NO_CODEC = "none"  # typed in place of a codec: only baselines are measured
OUR_QUALITIES: tuple[float, ...] = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
DECODE_OPTIONS = ("temperature", "seed", "generator")  # they change the picture and never the file


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
    """Return the codec that `text` names. effort: for our codecs, where the text has none.

    A codec that is known but not installed has `unavailable` set. Raises ValueError for an unknown name or option,
    CodecUnavailable for a folder without a model card.
    """
    typed = _Typed.read(text)
    spec = _baseline(typed) if typed.baseline in baselines.names() else _ours(typed, effort)
    return replace(spec, qualities=typed.qualities, own_sweep=True) if typed.qualities else spec


def without_temperature(label: str) -> str:
    """Return the label of the codec that makes the same files and decodes them as it does by default."""
    name, _, options = label.partition("@")
    others = [option for option in options.split(",") if option and not option.startswith("temperature=")]
    return name + "@" * bool(others) + ",".join(others)


@dataclass(frozen=True)
class _Typed:
    """The parts of a specification `NAME[@KEY=VALUE,...]`, its qualities apart from the other options."""

    label: str  # the text, less a sweep of qualities, which has no place in a name
    name: str  # what stands before the @: a codec, a folder, or a baseline with its `:MODEL`
    options: dict[str, str]
    qualities: tuple[float, ...]

    @classmethod
    def read(cls, text: str) -> _Typed:
        """Take a specification apart. Raises ValueError where `key=value` is expected and not there."""
        name, _, tail = text.partition("@")
        options = _key_values(text, tail)
        qualities = tuple(_number("quality", part) for part in options.pop("quality", "").split("/") if part)
        if len(qualities) > 1:
            text = name + "@" * bool(options) + ",".join(f"{key}={value}" for key, value in options.items())
        return cls(text, name, options, qualities)

    @property
    def baseline(self) -> str:
        """The name without `:MODEL`."""
        return self.name.partition(":")[0]


def _baseline(typed: _Typed) -> CodecSpec:
    """The baseline of a specification, its options checked and completed by the defaults."""
    _, _, model = typed.name.partition(":")
    make = functools.partial(baselines.load, typed.baseline, typed.options | ({"model": model} if model else {}))
    codec = make()
    return CodecSpec(
        typed.label,
        make,
        qualities=tuple(codec.settings),
        is_baseline=True,
        options=baselines.options_of(codec),
        unavailable=codec.unavailable(),
    )


def _ours(typed: _Typed, effort: int | None) -> CodecSpec:
    """One of our codecs, by name or by a folder of weights, with the effort in its label."""
    from hvaecodec.codec.tiles import fixed_rate

    if typed.name not in registry.CODECS and not Path(typed.name).is_dir():
        known = ", ".join([*registry.CODECS, *baselines.names()])
        raise ValueError(f"no codec {typed.name!r}; there are {known}, or a folder of weights")
    other = typed.options.get("like")
    encode_options, decode_options = _options_of_ours(typed.options)
    label = typed.label
    if effort is not None and "effort" not in encode_options:
        encode_options["effort"] = effort
        label += ("," if "@" in label else "@") + f"effort={effort}"
    has_fixed_rate = registry.has_fixed_rate(typed.name)
    return CodecSpec(
        label,
        functools.partial(registry.load, typed.name),
        qualities=(fixed_rate.QUALITY,) if has_fixed_rate else OUR_QUALITIES,
        own_sweep=has_fixed_rate,
        options={**encode_options, **decode_options} | ({} if other is None else {"like": other}),
        encode_options=encode_options,
        decode_options=decode_options,
        limit=None if other is None else SizeLimit(parse(other)),
    )


def _options_of_ours(options: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that `encode` takes and those that `decode` takes; all are numbers but the generator's name."""
    values = {key: text if key == "generator" else _number(key, text) for key, text in options.items() if key != "like"}
    decode_options = {key: values.pop(key) for key in DECODE_OPTIONS if key in values}
    return values, decode_options


def _key_values(text: str, tail: str) -> dict[str, str]:
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
