"""Files of `hqa-photo` that were written once decode alike for ever, and the same indices make the same bytes."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from golden.make_hqa import PICTURES

import hvaecodec
from hvaecodec.codec.container import unpack
from hvaecodec.codec.index_stream import encode_indices

GOLDEN = Path(__file__).parent / "golden"
TOLD = json.loads((GOLDEN / "hqa.json").read_text())


@pytest.mark.parametrize("name", PICTURES)
def test_golden_files_in_both_directions(name):
    data, told = (GOLDEN / f"{name}.hvc").read_bytes(), TOLD[name]
    assert hashlib.sha256(data).hexdigest() == told["bytes"]
    (indices,) = hvaecodec.symbols(data)
    assert hashlib.sha256(indices.astype("<i2").tobytes()).hexdigest() == told["symbols"]
    np.testing.assert_array_equal(hvaecodec.symbols(data, backend="numpy")[0], indices)
    picture = hvaecodec.decode(data)
    assert list(picture.shape) == told["shape"]
    assert picture.mean() == pytest.approx(told["mean"], abs=0.1)  # pictures may differ by rounding

    found, bitstream = unpack(data), hvaecodec.load("hqa-photo").bitstream
    stream, _ = encode_indices(bitstream.arithmetic[found.header.step_index - 1], bitstream.tables, indices)
    assert (stream,) == found.levels
