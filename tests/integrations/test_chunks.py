"""What the codecs of arrays share: which chunks are pictures, and what is refused before anything is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import hvaecodec
from hvaecodec.codec import registry
from hvaecodec.integrations.chunks import ChunkCoding, picture_shape, shape_of_file

RGB = np.random.default_rng(5).integers(0, 256, (11, 13, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        ((5, 7), (5, 7)),
        ((5, 7, 3), (5, 7, 3)),
        ((1, 5, 7), (5, 7)),
        ((1, 1, 5, 7), (5, 7)),
        ((1, 1, 5, 7, 3), (5, 7, 3)),
        ((5, 3), (5, 3)),
        ((1, 1), (1, 1)),
        ((1, 5, 3), (1, 5, 3)),
        ((3, 5, 3), (3, 5, 3)),
    ],
)
def test_chunks_that_are_pictures(shape, picture):
    assert picture_shape(shape) == picture


@pytest.mark.parametrize(
    "shape", [(), (5,), (2, 5, 7), (5, 7, 4), (5, 7, 2), (5, 7, 1), (3, 5, 7), (1, 2, 5, 7), (2, 5, 7, 3)]
)
def test_chunks_that_are_none(shape, stand_in):
    with pytest.raises(ValueError, match=r"expected \(H, W\) or \(H, W, 3\)"):
        picture_shape(shape)
    with pytest.raises(ValueError, match=r"expected \(H, W\) or \(H, W, 3\)"):
        ChunkCoding(model=stand_in).encode(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(0, 7), (65536, 2), (40000, 40000, 3)])
def test_chunks_that_no_file_can_hold(shape):
    with pytest.raises(ValueError, match="picture of|above 178956970 none is decoded"):
        picture_shape(shape)


@pytest.mark.parametrize("dtype", ["uint16", "int8", "float32", "bool", "object", "S1"])
def test_other_dtypes(dtype, stand_in):
    with pytest.raises(ValueError, match="expected uint8"):
        ChunkCoding(model=stand_in).encode(np.zeros((4, 5), dtype))


def test_a_chunk_in_fortran_order_is_refused_and_a_slice_is_none(stand_in):
    coding = ChunkCoding(model=stand_in)
    with pytest.raises(ValueError, match="order C"):
        coding.encode(np.asfortranarray(RGB))
    np.testing.assert_array_equal(coding.decode(coding.encode(RGB[::2, 1::3])), RGB[::2, 1::3])


def test_a_chunk_is_a_whole_file(stand_in):
    data = ChunkCoding(model=stand_in).encode(RGB[None])
    assert data == hvaecodec.encode(RGB, stand_in)
    assert shape_of_file(data) == RGB.shape and shape_of_file(hvaecodec.encode(RGB[..., 0], stand_in)) == (11, 13)
    np.testing.assert_array_equal(ChunkCoding().decode(data), RGB)  # the file names its codec


def test_settings_reach_the_encoder(stand_in, monkeypatch):
    calls = []
    monkeypatch.setattr(registry.shared(stand_in), "encode", lambda picture, **settings: calls.append(settings))
    ChunkCoding(quality=np.float64(30), effort=1, model=stand_in).encode(RGB)
    assert calls == [{"quality": 30, "effort": 1}]


def test_settings_are_what_json_can_hold():
    coding = ChunkCoding(np.float32(30.5), np.int64(1), Path("folder"))  # type: ignore[arg-type]
    assert json.loads(json.dumps(dataclasses.asdict(coding))) == {"quality": 30.5, "effort": 1, "model": "folder"}
    assert json.dumps(ChunkCoding(50.0).quality) == "50"


@pytest.mark.parametrize(
    "settings",
    [{"quality": 0}, {"quality": 101}, {"quality": float("nan")}, {"quality": "50"}, {"quality": True}, {"effort": 4}],
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(ValueError, match="must"):
        ChunkCoding(**settings)


def test_bad_files_and_missing_weights_are_runtime_errors(stand_in, tmp_path):
    data = ChunkCoding(model=stand_in).encode(RGB)
    for bad in (b"", b"GIF89a", data[:-1], data[:20], data[:-1] + bytes([data[-1] ^ 1])):
        with pytest.raises(RuntimeError) as error:
            ChunkCoding().decode(bad)
        assert "\n" not in str(error.value)
    with pytest.raises(RuntimeError, match="HVC"):
        shape_of_file(b"GIF89a")
    with pytest.raises(RuntimeError, match="no codec"):
        ChunkCoding(model=str(tmp_path / "missing")).encode(RGB)


def test_weights_of_ones_own_decode_as_well(stand_in, tmp_path):
    (tmp_path / "card.json").write_text(f'{{"codec": "{stand_in}"}}')
    coding = ChunkCoding(model=str(tmp_path))
    data = coding.encode(RGB)
    np.testing.assert_array_equal(coding.decode(data), RGB)
    (tmp_path / "card.json").write_text('{"codec": "none"}')
    np.testing.assert_array_equal(coding.decode(data), RGB)  # loaded once
    other = hvaecodec.codec.format.container.pack(
        hvaecodec.codec.format.container.Header("srvae-cifar10", "L", 5, 7, 0, bytes(4), bytes(2)), [b""]
    )
    with pytest.raises(RuntimeError, match="written by srvae-cifar10"):
        coding.decode(other)
