"""Checks of the arrays that a bitstream's integers are computed with: kind, shape and range, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.exact_bound import check_bound

MAX_SHIFT = 24  # sums stay below 2**24


def take(arrays: Mapping[str, np.ndarray], name: str, dtype: type[np.generic], *shape: int | None) -> np.ndarray:
    """Return an array that has a dtype and a shape; None stands for any length. Raises ValueError for another."""
    if name not in arrays:
        raise ValueError(f"there is no {name!r}")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(b in (a, None) for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != dtype or not fits:
        wanted = tuple("any" if n is None else n for n in shape)
        raise ValueError(f"{name!r} is {array.dtype} {array.shape}, expected {np.dtype(dtype)} {wanted}")
    return array


def take_positive(arrays: Mapping[str, np.ndarray], name: str, *shape: int | None) -> np.ndarray:
    """Return a float32 array of a shape whose numbers are above 0, such as steps. Raises ValueError for another."""
    array = take(arrays, name, np.float32, *shape)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name!r} holds a number that is not above 0")
    return array


def check_layer(arrays: Mapping[str, np.ndarray], name: str, *shape: int) -> None:
    """Raise ValueError unless there is a layer of that name whose sums are exact in float32.

    shape: of its weight, outputs first. See `exact_bound.check_bound`.
    """
    weight = take(arrays, f"{name}.weight", np.int8, *shape)
    bias, shift = take(arrays, f"{name}.bias", np.int32, shape[0]), take(arrays, f"{name}.shift", np.uint8, shape[0])
    if shift.max(initial=0) > MAX_SHIFT:
        raise ValueError(f"a shift of layer {name} is above {MAX_SHIFT}")
    check_bound(name, weight, bias, shift)


def check_frequencies(name: str, rows: np.ndarray, total_bits: int) -> None:
    """Raise ValueError unless the rows of frequencies are positive and each of them sums to 2**total_bits."""
    if rows.size == 0 or rows.min() < 1 or (rows.sum(-1, dtype=np.int64) != 1 << total_bits).any():
        raise ValueError(f"the frequencies in {name!r} are not positive with a sum of 2**{total_bits}")
