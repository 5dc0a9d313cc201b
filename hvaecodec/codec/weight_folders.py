"""Folders of weights as a stranger may have made them: their card, their names, and words for all that goes wrong.

A folder of weights is data and never code. What is read here needs nothing but the standard library, so that a list of
what is installed is cheap.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.files import read_regular, reason

MAX_JSON = 1 << 20  # bytes of a card, characters of a config
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.safetensors")
_WORDS = 300  # characters of a cause that a message repeats: it may quote what a stranger wrote


@contextmanager
def usable(what: str) -> Iterator[None]:
    """Turn whatever goes wrong while weights are made use of into a CodecUnavailable of one line.

    what: what cannot be done then, as "cannot use the weights in FOLDER". Errors of ours pass through.
    """
    try:
        yield
    except CodecUnavailable:
        raise
    except Exception as cause:  # damage has too many names to list them: KeyError, RecursionError, RuntimeError ...
        raise CodecUnavailable(f"{what}: {_words_of(cause)}") from cause


def _words_of(cause: Exception) -> str:
    """Return what went wrong on one short line, whatever the weights wrote into it."""
    if isinstance(cause, KeyError) and cause.args:
        words = f"there is no {cause.args[0]!r}"
    else:
        words = reason(cause) if isinstance(cause, OSError) else str(cause)
    shown = "".join(letter if letter.isprintable() else " " for letter in words or type(cause).__name__)
    return " ".join(shown.split())[:_WORDS]


def plain_name(name: Any) -> str:
    """Return the name of a file of weights in its folder. Raises CodecUnavailable unless it is a plain name of one."""
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        raise CodecUnavailable(f"{str(name)[:_WORDS]!r} is not the name of a file in a folder of weights")
    return name


def read_card(folder: Path) -> dict[str, Any]:
    """Read the model card of a folder of weights. Raises CodecUnavailable."""
    with usable(f"cannot use the weights in {folder}: the model card card.json"):
        card = json.loads(read_regular(folder / "card.json", MAX_JSON).decode("utf-8"))
        if not isinstance(card, dict):
            raise ValueError("is not an object")
        return card


def config_of(metadata: Mapping[str, str]) -> Any:
    """Return what a file says of its net, read from JSON. Raises ValueError or RecursionError."""
    if len(metadata["config"]) > MAX_JSON:
        raise ValueError(f"its config is longer than {MAX_JSON} characters")
    return json.loads(metadata["config"])
