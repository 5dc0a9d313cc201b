"""Files of weights, read as a stranger may have made them: regular files of bearable size, whose numbers are finite.

Nothing here imports torch, so that every backend reads by the same rules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load as load_arrays

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.files import read_regular
from hvaecodec.codec.weight_folders import usable

MAX_WEIGHTS = 1 << 30  # bytes of a file of weights


class Weights(NamedTuple):
    """A file of weights: its bytes, its metadata and its arrays, all of whose numbers are finite."""

    data: bytes
    metadata: dict[str, str]
    arrays: dict[str, np.ndarray]


def read_weights(path: Path) -> Weights:
    """Read a file of weights with a config in its metadata. Raises CodecUnavailable."""
    weights = read_tables(path)
    if "config" not in weights.metadata:
        raise CodecUnavailable(f"{path} holds no config; it is not a weights file of this codec")
    return weights


def read_tables(path: Path) -> Weights:
    """Read a file of weights, which need not have a config. Raises CodecUnavailable."""
    with usable(f"cannot read the weights {path}"):
        data = read_regular(path, MAX_WEIGHTS)
        arrays = load_arrays(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])  # which safetensors has checked
        for name, array in arrays.items():
            _check_numbers(name, array)
        return Weights(data, header.get("__metadata__") or {}, arrays)


def _check_numbers(name: str, array: np.ndarray) -> None:
    """Raise ValueError unless an array holds integers, or floats that are finite in float32."""
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{name!r} is of {array.dtype}, neither integers nor floats")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            finite = np.isfinite(array if array.itemsize <= 4 else array.astype(np.float32)).all()
        if not finite:
            raise ValueError(f"{name!r} holds a number that is not finite")
