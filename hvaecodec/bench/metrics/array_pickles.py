"""Reads arrays out of a pickle that names numpy's arrays and dtypes and nothing else, and calls nothing of it.

A pickle is a program that may name, and so call, anything. Here the three names by which numpy stores an array stand
for inert objects that only keep what the pickle hands them; the arrays are made afterwards, from plain bytes.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

# What arrays in dicts and lists are stored with, in protocols 3 and 4. None takes memory for more than it brings.
_INSTRUCTIONS = (
    pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE,
    pickle.BINGET, pickle.LONG_BINGET, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_LIST,
    pickle.APPEND, pickle.APPENDS, pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
    pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BINUNICODE,
    pickle.SHORT_BINUNICODE, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.REDUCE,
    pickle.BUILD,
)  # fmt: skip
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")  # before and since numpy 2


class _StoredDtype:
    """What a pickle says of a dtype: its name, and whether its bytes are little-endian."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name, self.order = name, ""

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]


class _StoredArray:
    """What a pickle says of an array: shape, dtype, whether it lies in Fortran's order, and its bytes."""

    shape: tuple[int, ...] = ()
    dtype: Any = None
    in_columns: bool = False
    data: bytes = b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.in_columns, self.data = state

    def array(self) -> np.ndarray:
        """Return the array as float32. Raises ValueError unless it is stored as that, with the bytes of its shape."""
        if not isinstance(self.dtype, _StoredDtype) or (self.dtype.name, self.dtype.order) != ("f4", "<"):
            raise ValueError("an array in it is not of little-endian float32")
        if not isinstance(self.shape, tuple) or not all(type(side) is int and side >= 0 for side in self.shape):
            raise ValueError("an array in it has no shape")
        if not isinstance(self.data, bytes) or len(self.data) != 4 * math.prod(self.shape):
            raise ValueError(f"an array in it has not the bytes of its shape {self.shape}")
        return np.frombuffer(self.data, "<f4").reshape(self.shape, order="F" if self.in_columns else "C")


def _reconstruct(*_: Any) -> _StoredArray:
    """What stands for numpy's function that makes an empty array for a pickle to fill."""
    return _StoredArray()


class _ArrayUnpickler(pickle._Unpickler):  # whose instructions can be chosen
    """An unpickler of few instructions that knows the names of numpy's arrays, as inert objects, and no other name."""

    dispatch = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _INSTRUCTIONS}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name of numpy's. Raises ValueError for any other, before it is called."""
        if (module, name) == ("numpy", "ndarray"):
            return _StoredArray
        if (module, name) == ("numpy", "dtype"):
            return _StoredDtype
        if module in _MODULES and name == "_reconstruct":
            return _reconstruct
        raise ValueError(f"the pickle names {module}.{name}, and arrays need no such thing")


def read_arrays(data: bytes) -> Any:
    """Return what a pickle holds: arrays, in dicts and lists as it has them.

    An array is float32 and may share memory with the pickle. Raises ValueError for a pickle that names anything but
    numpy's arrays, for arrays of other types, and for bytes that are no pickle.
    """
    try:
        return _with_arrays(_ArrayUnpickler(io.BytesIO(data)).load())
    except ValueError:
        raise
    except Exception as cause:  # a damaged pickle fails in whatever its bytes happen to mean
        raise ValueError(f"it is no whole pickle of arrays ({type(cause).__name__})") from cause


def _with_arrays(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _with_arrays(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_with_arrays(value) for value in tree]
    return tree.array() if isinstance(tree, _StoredArray) else tree
