"""Files of codecs with one stream that were written once decode alike for ever, and the same integers make the same bytes."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from golden.make_small import PICTURES

import hvaecodec
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.hqa.index_stream import encode_indices
from hvaecodec.codec.tiles.context_stream import encode_context

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(("codec", "name"), [(codec, name) for codec, names in PICTURES.items() for name in names])
def test_golden_files_in_both_directions(codec, name):
    data, told = (GOLDEN / f"{name}.hvc").read_bytes(), json.loads((GOLDEN / f"{codec}.json").read_text())[name]
    assert hashlib.sha256(data).hexdigest() == told["bytes"]
    (symbols,) = hvaecodec.symbols(data)
    assert hashlib.sha256(symbols.astype("<i2").tobytes()).hexdigest() == told["symbols"]
    np.testing.assert_array_equal(hvaecodec.symbols(data, backend="numpy")[0], symbols)
    picture = hvaecodec.decode(data)
    assert list(picture.shape) == told["shape"]
    assert picture.mean() == pytest.approx(told["mean"], abs=0.1)  # pictures may differ by rounding
    assert coded_again(codec, data, symbols) == unpack(data).levels[0]


def coded_again(name: str, data: bytes, symbols: np.ndarray) -> bytes:
    codec = hvaecodec.load(name)
    if name == "dct-vae-cifar10":
        return encode_context(codec.tables, symbols.astype(np.int32))[0]
    arithmetic = codec.nets.arithmetic[unpack(data).header.step_index - 1]
    return encode_indices(arithmetic, codec.bitstream.tables, symbols)[0]
