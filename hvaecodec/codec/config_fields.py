"""Configurations of nets out of files that strangers may have made: every field has the type that its class states."""

from __future__ import annotations

import dataclasses
import math
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

LARGEST = 1 << 16  # no width, depth or side of a net of ours comes near it
LONGEST = 1 << 10  # members of a list

T = TypeVar("T")


def config_from(kind: type[T], fields: Any) -> T:
    """Make a configuration, a dataclass, of the JSON object that says what its fields are.

    Its fields are numbers, names that a `Literal` lists, lists, None, and other configurations; those may also stand in
    `fields` ready made. Integers lie in 0..65536, floats are finite. Raises ValueError for everything else.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"a {kind.__name__} is an object, not {_shown(fields)}")
    hints = get_type_hints(kind)
    if unknown := fields.keys() - hints.keys():
        raise ValueError(f"a {kind.__name__} has no {_shown(min(unknown))}")
    try:
        return kind(**{name: _value(hints[name], value, name) for name, value in fields.items()})
    except TypeError as cause:  # a field without a default is missing
        raise ValueError(str(cause)) from cause


def _value(hint: Any, value: Any, name: str) -> Any:
    """Return a field's value as its annotation has it. Raises ValueError."""
    if get_origin(hint) in (Union, UnionType):
        return _of_union(get_args(hint), value, name)
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        whole = isinstance(value, list | tuple) and len(value) <= LONGEST
        if not whole or (... not in kinds and len(value) != len(kinds)):
            raise ValueError(f"{name} is a list, and not {_shown(value)}")
        return tuple(_value(kinds[0], part, name) for part in value)  # of one kind, all of them
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else config_from(hint, value)
    if not _is_legal(hint, value):
        raise ValueError(f"{name} is {_shown(value)}, which is none of ours")
    return value


def _of_union(hints: tuple[Any, ...], value: Any, name: str) -> Any:
    """Return the value of a field that may be of several classes: None, one that is ready made, or the only class."""
    if value is None and NoneType in hints:
        return None
    classes = [hint for hint in hints if hint is not NoneType]
    ready = [hint for hint in classes if isinstance(hint, type) and isinstance(value, hint)]
    return value if ready else _value(classes[0], value, name)


def _is_legal(hint: Any, value: Any) -> bool:
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return get_origin(hint) is Literal and isinstance(value, str) and value in get_args(hint)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
