"""Files of codecs with one stream that were written once decode alike for ever; equal integers make equal bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden.make_small import PICTURES, load_codec

import hvaecodec
from hvaecodec.codec import registry
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.hqa.index_stream import encode_indices
from hvaecodec.codec.tiles.context_stream import encode_context
from hvaecodec.codec.tiles.lossless_rgb import encode_rgb

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(("codec", "name"), [(codec, name) for codec, names in PICTURES.items() for name in names])
def test_golden_files_in_both_directions(codec, name, tmp_path, monkeypatch):
    data, facts = (GOLDEN / f"{name}.hvc").read_bytes(), json.loads((GOLDEN / f"{codec}.json").read_text())[name]
    loaded = load_codec(codec, tmp_path)
    monkeypatch.setattr(registry, "shared", {codec: loaded}.__getitem__)
    assert hashlib.sha256(data).hexdigest() == facts["bytes"]
    (symbols,) = hvaecodec.symbols(data)
    assert hashlib.sha256(symbols.astype("<i2").tobytes()).hexdigest() == facts["symbols"]
    np.testing.assert_array_equal(hvaecodec.symbols(data, backend="numpy")[0], symbols)
    picture = hvaecodec.decode(data)
    assert list(picture.shape) == facts["shape"]
    assert picture.mean() == pytest.approx(facts["mean"], abs=0.1)  # pictures may differ by rounding
    assert encode_again(loaded, data, symbols) == unpack(data).levels[0]


def encode_again(codec: Any, data: bytes, symbols: np.ndarray) -> bytes:
    if codec.name == "srvae-cifar10":
        return encode_rgb(codec.tables, symbols.astype(np.uint8))[0]
    if codec.name == "dct-vae-cifar10":
        return encode_context(codec.tables, symbols.astype(np.int32))[0]
    arithmetic = codec.nets.arithmetic[unpack(data).header.step_index - 1]
    return encode_indices(arithmetic, codec.bitstream.tables, symbols)[0]
