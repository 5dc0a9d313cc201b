"""The codecs we measure ourselves against, one file each, found by file name.

A file `my_codec.py` here holds a frozen dataclass `Baseline`: a `Codec` (name, lossless, encode, decode) whose fields
are its options, with `settings` (the qualities to sweep), `version` and `unavailable()` (a reason, or None).
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any, Protocol

import numpy as np


class BaselineCodec(Protocol):
    """A codec with a sweep, a version and a reason for not being there: what a file in this folder offers."""

    @property
    def name(self) -> str: ...
    @property
    def lossless(self) -> bool: ...
    @property
    def settings(self) -> tuple[float, ...]: ...
    @property
    def version(self) -> str: ...
    def encode(self, image: np.ndarray, *, quality: float = ...) -> bytes: ...
    def decode(self, data: bytes) -> np.ndarray: ...
    def unavailable(self) -> str | None: ...


def names() -> list[str]:
    """Return the names of the baselines, available or not."""
    files = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in files if not name.startswith("_"))


def load(name: str, options: dict[str, str] | None = None) -> BaselineCodec:
    """Return the baseline called `name` with `options` as typed on a command line, such as `{"method": "6"}`.

    Raises ValueError for an unknown name, option or value.
    """
    if name not in names():
        raise ValueError(f"no baseline {name!r}; there are {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    baseline: Any = module.Baseline
    codec: BaselineCodec = baseline(**_parse_options(baseline, options or {}))
    return codec


def options_of(codec: object) -> dict[str, Any]:
    """Return the options of a baseline, defaults included, which are part of every record; {} for another codec."""
    if dataclasses.is_dataclass(codec) and not isinstance(codec, type):
        return {f.name: getattr(codec, f.name) for f in dataclasses.fields(codec) if f.init}
    return {}


def _parse_options(baseline: Any, options: dict[str, str]) -> dict[str, Any]:
    fields = {field.name: field.default for field in dataclasses.fields(baseline) if field.init}
    unknown = sorted(set(options) - set(fields))
    if unknown:
        raise ValueError(f"{baseline.name} has no option {unknown[0]!r}; it has {', '.join(fields)}")
    return {key: _parse(key, value, fields[key]) for key, value in options.items()}


def _parse(key: str, value: str, default: Any) -> Any:
    """A typed value as the type that the option's default has."""
    if isinstance(default, bool):
        if value.lower() not in {"true", "false", "1", "0"}:
            raise ValueError(f"option {key} is true or false, not {value!r}")
        return value.lower() in {"true", "1"}
    try:
        return type(default)(value)
    except ValueError as error:
        raise ValueError(f"option {key} wants {type(default).__name__}, not {value!r}") from error
