"""The doors of numcodecs and zarr, and a computation of dask over tiles: `make test-doors`, with these libraries."""

from __future__ import annotations

import json
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from shell_lines import ROOT, blocks

import hvaecodec
from hvaecodec.codec import registry

pytestmark = pytest.mark.doors
RGB = np.random.default_rng(5).integers(0, 256, (64, 96, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()


@pytest.fixture
def numcodec(stand_in):
    """The codec that numcodecs finds by its id, lossless here."""
    import numcodecs

    return numcodecs.get_codec({"id": "hvaecodec", "quality": 30, "model": stand_in})


@pytest.fixture
def serializer(stand_in) -> dict:
    """The entry by which zarr finds the codec by its name, lossless here."""
    return {"name": "hvaecodec", "configuration": {"quality": 30, "model": stand_in}}


def create(folder: Path, serializer: object, **settings):
    import zarr

    settings = {"shape": RGB.shape, "chunks": (32, 32, 3), "dtype": "uint8"} | settings
    return zarr.create_array(folder / "a.zarr", serializer=serializer, compressors=None, **settings)


# -- numcodecs ------------------------------------------------------------------------------------------------------


def test_a_numcodecs_codec_by_its_id(numcodec, stand_in):
    import numcodecs

    config = {"id": "hvaecodec", "quality": 30, "effort": None, "model": stand_in}
    assert numcodec.get_config() == config == json.loads(json.dumps(config))
    for again in (numcodecs.get_codec(config), pickle.loads(pickle.dumps(numcodec))):
        assert again == numcodec and repr(again) == f"HvaeCodec(quality=30, effort=None, model={stand_in!r})"
    assert numcodecs.get_codec({"id": "hvaecodec"}).get_config()["quality"] == 50


@pytest.mark.parametrize("chunk", [RGB, GREY, RGB[None], GREY[None, None]])
def test_a_chunk_through_numcodecs(numcodec, chunk):
    data = numcodec.encode(chunk)
    picture = RGB if chunk.shape[-1] == 3 else GREY
    assert data == hvaecodec.encode(picture, registry.shared("hqa-photo").name)
    for whole in (data, bytearray(data), np.frombuffer(data, np.uint8)):
        np.testing.assert_array_equal(numcodec.decode(whole), picture)
    for out in (np.empty_like(chunk), np.empty(chunk.size, np.uint8)):
        assert numcodec.decode(data, out=out) is out
        np.testing.assert_array_equal(out.ravel(), chunk.ravel())


def test_what_numcodecs_refuses(numcodec, monkeypatch):
    import numcodecs

    data = numcodec.encode(RGB)
    for wrong in (RGB.astype(np.uint16), RGB.astype(float), RGB > 9, b"bytes", RGB[..., :2], RGB[:2, None]):
        with pytest.raises(ValueError, match="chunk"):
            numcodec.encode(wrong)
    with pytest.raises(RuntimeError, match="truncated|cut"):
        numcodec.decode(data[:-5])
    with pytest.raises(ValueError, match="quality"):
        numcodecs.get_codec({"id": "hvaecodec", "quality": 0})
    monkeypatch.setattr(type(registry.shared("hqa-photo")), "decode", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="out has 7 samples"):
        numcodec.decode(data, out=np.empty(7, np.uint8))


def test_numcodecs_in_many_threads(numcodec):
    chunks = [np.full((30, 20 + n), n, np.uint8) for n in range(16)]
    registry.shared.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        decoded = list(pool.map(lambda chunk: numcodec.decode(numcodec.encode(chunk)), chunks))
    assert all(np.array_equal(a, b) for a, b in zip(decoded, chunks, strict=True))
    assert registry.shared.cache_info().misses == 1  # the weights are loaded once


def test_zarr_of_format_2_with_numcodecs(numcodec, tmp_path):
    import zarr

    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(2, *RGB.shape), chunks=(1, 32, 32, 3), dtype="uint8", zarr_format=2,
        compressors=numcodec, filters=None,
    )  # fmt: skip
    array[:] = np.stack([RGB, RGB[::-1]])
    again = zarr.open_array(tmp_path / "a.zarr", mode="r")
    np.testing.assert_array_equal(again[1], RGB[::-1])
    np.testing.assert_array_equal(hvaecodec.decode((tmp_path / "a.zarr" / "0.1.2.0").read_bytes()), RGB[32:, 64:])
    columns = zarr.create_array(
        tmp_path / "f.zarr", shape=(32, 32), dtype="uint8", zarr_format=2, compressors=numcodec, filters=None, order="F"
    )
    with pytest.raises(ValueError, match="order C"):
        columns[:] = GREY[:32, :32]
    assert [path.name for path in (tmp_path / "f.zarr").iterdir() if path.name[0] != "."] == []


# -- zarr 3 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pixels", "chunks"), [(RGB, (32, 32, 3)), (GREY, (32, 40)), (RGB[None], (1, 32, 32, 3))])
def test_an_array_of_zarr_3(serializer, tmp_path, pixels, chunks):
    import zarr

    create(tmp_path, serializer, shape=pixels.shape, chunks=chunks)[:] = pixels
    metadata = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    assert metadata["codecs"] == [
        {"name": "hvaecodec", "configuration": {"quality": 30, "effort": None, "model": "hqa-photo"}}
    ]
    again = zarr.open_array(tmp_path / "a.zarr", mode="r")
    np.testing.assert_array_equal(again[:], pixels)
    first = (tmp_path / "a.zarr" / "c").joinpath(*"0" * pixels.ndim).read_bytes()
    corner = pixels[tuple(slice(side) for side in chunks)]
    np.testing.assert_array_equal(hvaecodec.decode(first), corner.reshape(corner.shape[pixels.shape[0] == 1 :]))


def test_chunks_at_the_edge_and_parts_of_chunks(serializer, tmp_path):
    array = create(tmp_path, serializer, shape=(50, 70, 3))
    array[:] = RGB[:50, :70]
    array[3:5, 60:70] = 9
    expected = RGB[:50, :70].copy()
    expected[3:5, 60:70] = 9
    np.testing.assert_array_equal(array[:], expected)
    np.testing.assert_array_equal(array[10:40, 5:69, 1], expected[10:40, 5:69, 1])


def test_shards(serializer, tmp_path):
    array = create(tmp_path, serializer, shards=(64, 64, 3))
    array[:] = RGB
    np.testing.assert_array_equal(array[30:40, 30:70], RGB[30:40, 30:70])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dtype": "uint16"}, "chunk of uint16, expected uint8"),
        ({"dtype": "float32"}, "expected uint8"),
        ({"chunks": (32, 32, 1)}, r"expected \(H, W\) or \(H, W, 3\)"),
        ({"shape": (2, 64, 96), "chunks": (2, 32, 32)}, r"expected \(H, W\) or \(H, W, 3\)"),
    ],
)
def test_an_array_that_cannot_be_is_not_created(serializer, tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        create(tmp_path, serializer, **settings)
    assert not list(tmp_path.rglob("*.json"))


def test_a_configuration_that_cannot_be(tmp_path):
    from hvaecodec.integrations.zarr import HvaeZarrCodec

    for wrong in ({"quality": 200}, {"qualty": 50}, {"effort": 9}):
        with pytest.raises(ValueError, match="quality|qualty|effort"):
            HvaeZarrCodec.from_dict({"name": "hvaecodec", "configuration": wrong})
    with pytest.raises(ValueError, match="expected 'hvaecodec'"):
        HvaeZarrCodec.from_dict({"name": "blosc", "configuration": {}})
    codec = HvaeZarrCodec(quality=30)
    assert codec == HvaeZarrCodec.from_dict(codec.to_dict()) == pickle.loads(pickle.dumps(codec)) != HvaeZarrCodec()
    assert hash(codec) == hash(HvaeZarrCodec(quality=30.0)) and "quality=30" in repr(codec)


def test_a_chunk_that_is_damaged_or_of_another_picture(serializer, tmp_path, stand_in):
    array = create(tmp_path, serializer)
    array[:] = RGB
    path = tmp_path / "a.zarr" / "c" / "0" / "1" / "0"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(RuntimeError, match="truncated|cut"):
        array[:]
    np.testing.assert_array_equal(array[:32, :32], RGB[:32, :32])  # the others are there
    path.write_bytes(hvaecodec.encode(RGB[:16, :64], stand_in))
    with pytest.raises(ValueError, match=r"picture of shape \(16, 64, 3\), expected \(32, 32, 3\)"):
        array[:]


def test_a_chunk_that_cannot_be_encoded_leaves_the_one_before(serializer, tmp_path, monkeypatch):
    array = create(tmp_path, serializer)
    array[:] = RGB
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    wrong = {"name": "hvaecodec", "configuration": {"model": "no such codec"}}
    with pytest.raises(RuntimeError, match="no codec"):
        create(tmp_path / "other", wrong)[:] = RGB

    def fail(*_, **__):
        raise MemoryError("not enough")

    monkeypatch.setattr(type(registry.shared("hqa-photo")), "encode", fail)
    with pytest.raises(MemoryError):
        array[:] = 255 - RGB
    assert {path: path.read_bytes() for path in tmp_path.joinpath("a.zarr").rglob("*") if path.is_file()} == before


def test_dask_over_an_array_of_tiles(serializer, tmp_path):
    import dask.array

    array = create(tmp_path, serializer)
    array[:] = RGB
    lazy = dask.array.from_zarr(tmp_path / "a.zarr")
    assert lazy.chunksize == (32, 32, 3)
    np.testing.assert_allclose(lazy.mean(axis=(0, 1)).compute(scheduler="threads"), RGB.mean(axis=(0, 1)))


# -- the page -------------------------------------------------------------------------------------------------------


def test_the_python_of_the_page(tmp_path, monkeypatch):
    """The blocks on arrays run as they stand, with the weights of the package, and give what they say."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    for block in blocks(ROOT / "docs" / "doors.md", "python"):
        if re.search(r"^import (numcodecs|zarr)\b", block, re.MULTILINE):
            exec(block, names)
    assert names["codec"].decode(names["data"]).shape == names["tile"].shape
    scan = names["scan"]
    np.testing.assert_allclose(names["mean_colour"], scan.mean(axis=(0, 1)), atol=1)
    whole = hvaecodec.decode((tmp_path / "scan.zarr" / "c" / "0" / "1" / "0").read_bytes())
    np.testing.assert_array_equal(whole, names["array"][:128, 128:256])
    assert np.abs(whole.astype(int) - scan[:128, 128:256]).mean() < 4
