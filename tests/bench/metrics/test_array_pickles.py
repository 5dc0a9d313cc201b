"""A pickle of arrays is read without calling anything of it, and one that names anything else is refused."""

from __future__ import annotations

import io
import os
import pickle
from typing import Any

import numpy as np
import pytest

from hvaecodec.bench.metrics.array_pickles import read_arrays

ARRAYS = {
    "net": {
        "kernel": np.arange(24, dtype="f4").reshape(2, 3, 4) / 7,
        "columns": np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3)),
        "empty": np.zeros((0, 3), "f4"),
    },
    "list": [np.float32([1, 2])],
}


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_arrays_come_back_as_they_were(protocol: int, module: bytes) -> None:
    data = pickle.dumps(ARRAYS, protocol)
    if protocol == 3:  # where names stand as lines
        data = data.replace(b"numpy._core.multiarray", module)
    arrays = read_arrays(data)
    assert arrays["net"].keys() == ARRAYS["net"].keys()
    for name, array in ARRAYS["net"].items():
        np.testing.assert_array_equal(arrays["net"][name], array)
        assert arrays["net"][name].dtype == np.float32
    np.testing.assert_array_equal(arrays["list"][0], [1, 2])


class Calls:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("where", ["alone", "beside an array", "inside an array"])
def test_a_pickle_that_names_anything_else_is_refused_before_it_runs(protocol: int, where: str, tmp_path: Any) -> None:
    call = Calls(os.mkdir, str(tmp_path / "made"))
    tree = {
        "alone": call,
        "beside an array": {"a": np.float32([1]), "b": call},
        "inside an array": np.array([call, None], dtype=object),
    }[where]
    refusal = "the pickle names " if protocol >= 3 else "the pickle names |no whole pickle of arrays"
    with pytest.raises(ValueError, match=refusal):
        read_arrays(pickle.dumps(tree, protocol))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "name", ["numpy.load", "numpy.ndarray.tofile", "numpy.core.multiarray.scalar", "builtins.getattr"]
)
def test_other_names_of_numpy_and_of_python_are_refused(name: str) -> None:
    module, _, attribute = ("numpy..ndarray.tofile" if "tofile" in name else name).rpartition(".")
    if "tofile" in name:
        module, attribute = "numpy", "ndarray.tofile"
    pieces = [pickle.SHORT_BINUNICODE + bytes([len(word)]) + word.encode() for word in (module, attribute)]
    with pytest.raises(ValueError, match=f"the pickle names {module}.{attribute}"):
        read_arrays(b"\x80\x04" + b"".join(pieces) + pickle.STACK_GLOBAL + b".")


class Outside(pickle.Pickler):
    def persistent_id(self, item: Any) -> Any:
        return "elsewhere" if isinstance(item, np.ndarray) else None


def refers_outside() -> bytes:
    sink = io.BytesIO()
    Outside(sink, 3).dump({"a": np.float32([1])})
    return sink.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        refers_outside(),
        b"\x80\x02\x82\x01.",  # an extension that is registered somewhere by its number
        b"\x80\x05\x96" + (1 << 36).to_bytes(8, "little") + b".",  # a bytearray of 64 GB
        b"\x80\x03X" + ((1 << 32) - 1).to_bytes(4, "little") + b"a.",  # a text of 4 GB
        b"\x80\x03]r" + ((1 << 32) - 1).to_bytes(4, "little") + b".K\x01K\x02",  # remembered in a place far off
    ],
)
def test_other_instructions_and_sizes_cost_nothing(data: bytes) -> None:
    try:
        assert read_arrays(data) == []  # a far place is no more than a number
    except ValueError as refusal:
        assert "no whole pickle of arrays" in str(refusal)


@pytest.mark.parametrize("kind", ["f8", "i4", ">f4", "S4", "O"])
def test_arrays_of_other_types_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="float32"):
        read_arrays(pickle.dumps(np.array([1, 2]).astype(kind), 3))


def test_a_shape_that_the_bytes_do_not_fill_is_refused() -> None:
    data = pickle.dumps(np.zeros((2, 3), "f4"), 3)
    assert data.count(b"K\x02K\x03\x86") == 1
    for shape in (b"K\x02K\x04\x86", b"K\x02J\xff\xff\xff\xff\x86", b"\x88K\x03\x86", b"](K\x02K\x03e"):
        with pytest.raises(ValueError, match="shape"):
            read_arrays(data.replace(b"K\x02K\x03\x86", shape))


def test_damage_is_a_value_error() -> None:
    data = pickle.dumps(ARRAYS, 3)
    for cut in range(0, len(data), 7):
        with pytest.raises(ValueError):
            read_arrays(data[:cut])
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            read_arrays(bytes(damaged))
        except ValueError:
            continue
    endless = b"\x80\x03]q\x00h\x00a."  # a list in itself
    with pytest.raises(ValueError, match="no whole pickle"):
        read_arrays(endless)
