"""Files that were written once decode alike for ever, and the same symbols make the same bytes."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.make import PICTURES, symbol_digest

import hvaecodec
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.streams import repeat

GOLDEN = Path(__file__).parents[1] / "golden"
TOLD = json.loads((GOLDEN / "golden.json").read_text())


@pytest.mark.parametrize("name", PICTURES)
def test_golden_files_in_both_directions(name):
    data, told = (GOLDEN / f"{name}.hvc").read_bytes(), TOLD[name]
    assert hashlib.sha256(data).hexdigest() == told["bytes"]
    assert symbol_digest(data) == told["symbols"]
    picture = hvaecodec.decode(data)
    assert list(picture.shape) == told["shape"]
    assert picture.mean() == pytest.approx(told["mean"], abs=0.1)  # pictures may differ by rounding

    found = unpack(data)
    header, codec = found.header, hvaecodec.load()
    frame = Frame.of(header.height, header.width, header.step_index, header.mode.startswith("L"))
    with torch.no_grad():
        context, _ = codec.bitstream.coder.decode(frame, found.levels)
        streams, _, again = codec.bitstream.coder.encode(frame, context.shapes, repeat(context.symbols))
    assert tuple(streams) == found.levels
    np.testing.assert_array_equal(again.symbols, context.symbols)
