"""`hqa-photo` with tiny random weights: round trips, the step table, targets, sampling, blocks, refusals."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import promises
import pytest
import tiny_hqa
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from promises import PHOTO, SHAPES, psnr_db
from skimage import data as photos

import hvaecodec
from hvaecodec import CodecError
from hvaecodec.codec import registry
from hvaecodec.codec.errors import CodecUnavailable, CorruptFile, ModelMismatch
from hvaecodec.codec.format.container import pack, unpack
from hvaecodec.codec.hqa import blocks
from hvaecodec.codec.hqa.codec import HqaPhotoCodec, layer_of, quality_of
from hvaecodec.codec.images import LoadedImage

QUALITIES = (10, 30, 50, 70, 90)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_hqa.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def codec(folder):
    return HqaPhotoCodec.load(folder)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_comes_back_as_the_encoder_saw_it(codec, folder, shape, quality):
    data = promises.check_round_trip(codec, HqaPhotoCodec.load(folder), promises.noise(shape), quality=quality)
    for ours, reference in zip(codec.symbols(data), codec.symbols(data, backend="numpy"), strict=True):
        np.testing.assert_array_equal(ours, reference)
        assert list(ours.shape) == codec.info(data)["grid"]


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 70), width=st.integers(1, 70), quality=st.floats(1, 100))
@settings(max_examples=15)
def test_any_picture_has_symbols_and_a_picture(codec, seed, height, width, quality):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    data = codec.encode(pixels, quality=quality)
    (indices,) = codec.symbols(data)
    cell = 2 ** codec.info(data)["layer"]
    assert indices.shape == (-(-height // cell), -(-width // cell))
    assert codec.decode(data).shape == pixels.shape


def test_the_step_table_is_five_equal_bands():
    layers = [layer_of(q) for q in (1, 19.99, 20, 39.9, 40, 59.9, 60, 79.9, 80, 100)]
    assert layers == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert [layer_of(quality_of(layer)) for layer in range(1, 6)] == [1, 2, 3, 4, 5]
    for bad in (0.99, 100.1, float("nan")):
        with pytest.raises(ValueError, match=r"1\.\.100"):
            layer_of(bad)


def test_bytes_rise_with_quality(codec):
    sizes = [len(codec.encode(PHOTO, quality=q)) for q in QUALITIES]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert codec.encode(PHOTO) == codec.encode(PHOTO, quality=50) == codec.encode(PHOTO, quality=41, effort=3)


def test_targets_choose_among_the_five_files(codec):
    files = {q: codec.encode(PHOTO, quality=q) for q in QUALITIES}
    bpp = {q: 8 * len(data) / (96 * 130) for q, data in files.items()}
    assert codec.encode(PHOTO, bpp=(bpp[50] + bpp[70]) / 2) == files[50]
    assert codec.encode(PHOTO, bpp=100) == files[90]
    psnr = {q: psnr_db(PHOTO, codec.decode(data)) for q, data in files.items()}
    first = next(q for q in QUALITIES if psnr[q] >= psnr[50] - 1e-9)
    assert codec.encode(PHOTO, psnr=psnr[50] - 1e-9) == files[first]
    with pytest.raises(ValueError, match=rf"there are {bpp[10]:.4f} \(layer 5\), .*{bpp[90]:.4f} \(layer 1\)"):
        codec.encode(PHOTO, bpp=0.0001)
    with pytest.raises(ValueError, match=r"dB \(layer 5\), .* dB \(layer 1\)"):
        codec.encode(PHOTO, psnr=90)


@pytest.mark.parametrize("wrong", [{"quality": 0.5}, {"quality": 101}, {"quality": 50, "bpp": 1}, {"effort": 4}])
def test_impossible_settings_are_value_errors(codec, wrong):
    with pytest.raises(ValueError):
        codec.encode(PHOTO[:33, :33], **wrong)


@pytest.mark.parametrize("quality", QUALITIES)
def test_info_tells_bytes_and_estimates_apart(codec, quality):
    info = promises.check_info(codec, codec.encode(PHOTO, quality=quality))
    assert info["quality"] == quality and info["levels"] == 1
    assert (info["height"], info["width"], info["mode"], info["codebook_size"]) == (96, 130, "RGB", 512)
    assert info["framing_bytes"] <= 64


def test_metadata_travels_along(codec):
    back = codec.decode_with_metadata(codec.encode(LoadedImage(PHOTO, b"a profile", b"II*\0some exif")))
    assert (back.icc, back.exif) == (b"a profile", b"II*\0some exif")


@pytest.mark.parametrize("scale", [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32])
def test_scales_average_the_whole_picture(codec, scale):
    pixels = np.dstack([PHOTO, PHOTO[..., 0]])
    data = codec.encode(pixels, quality=90)
    whole, small = codec.decode(data), codec.decode(data, scale=scale)
    size = (-(-130 * scale // 1), -(-96 * scale // 1))
    expected = Image.fromarray(whole[..., :3]).resize(tuple(map(int, size)), Image.Resampling.BOX)
    np.testing.assert_array_equal(small[..., :3], np.asarray(expected))
    assert small.shape[2] == 4
    with pytest.raises(ValueError, match="scale"):
        codec.decode(data, scale=1 / 3)


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_file(codec):
    return codec.encode(PHOTO[:30, :30], quality=70)


def test_a_file_cut_anywhere_is_refused(codec, small_file):
    end = len(small_file) - 4
    for cut in range(len(small_file)):
        with pytest.raises(CodecError):
            codec.decode(small_file[:cut])
        if cut < end:
            with pytest.raises(CodecError):
                codec.decode(small_file[:cut], partial=True)
    # all of the one stream is there: only the checksum of the file is missing
    np.testing.assert_array_equal(codec.decode(small_file[:end], partial=True), codec.decode(small_file))


@pytest.mark.parametrize("options", [{}, {"partial": True}])
def test_flipped_bits_are_all_refused(codec, small_file, options):
    promises.check_flipped_bits(codec, small_file, 2000, **options)


@given(payload=st.binary(max_size=400), layer=st.integers(0, 8), side=st.integers(1, 60))
@settings(max_examples=40)
def test_a_sound_file_with_any_payload_decodes_or_is_refused(codec, small_file, payload, layer, side):
    header = dataclasses.replace(unpack(small_file).header, step_index=layer, height=side)
    try:
        picture = codec.decode(pack(header, [payload]))
    except CodecError:
        return
    assert picture.shape == (side, 30, 3)


def test_other_weights_other_layers_and_other_streams_are_refused(codec, small_file, tmp_path):
    other = HqaPhotoCodec.load(tiny_hqa.write_weights(tmp_path / "other", seed=1))
    with pytest.raises(ModelMismatch, match="written with bitstream weights"):
        other.decode(small_file)
    container = unpack(small_file)
    for layer in (0, 6):
        with pytest.raises(CorruptFile, match=r"outside 1\.\.5"):
            codec.decode(pack(dataclasses.replace(container.header, step_index=layer), container.levels))
    with pytest.raises(CorruptFile, match="2 level streams, expected 1"):
        codec.info(pack(container.header, [*container.levels, b"x"]))


def test_broken_weights_are_codec_errors(folder, tmp_path):
    with pytest.raises(CodecUnavailable, match="model card"):
        HqaPhotoCodec.load(tmp_path)
    other = tiny_hqa.write_weights(tmp_path / "other")
    import torch
    from safetensors.torch import save_file

    save_file({"layers.0.mean": torch.zeros(3)}, other / "generator.safetensors", {"config": "[]"})
    with pytest.raises(CodecUnavailable, match="0 layers"):
        HqaPhotoCodec.load(other).encode(PHOTO)


# -- pictures --------------------------------------------------------------------------------------------------------


def test_a_new_generator_leaves_old_files_their_pictures(codec, tmp_path):
    promises.check_new_generator(codec, tiny_hqa, tmp_path / "newer", codec.encode(PHOTO))


def test_temperature_samples_by_seed_alone(codec):
    promises.check_draws(codec, codec.encode(PHOTO, quality=30))


@pytest.mark.parametrize("quality", QUALITIES)
def test_blocks_give_the_same_symbols_and_picture_as_the_whole(codec, quality, monkeypatch):
    pixels = np.asarray(Image.fromarray(photos.astronaut()).resize((300, 270)))
    data = codec.encode(pixels, quality=quality)
    whole, sample = codec.decode(data), codec.decode(data, temperature=1.0, seed=3)
    monkeypatch.setattr(blocks, "ENCODER_PIXELS", 64)
    monkeypatch.setattr(blocks, "DECODER_CELLS", 9)
    (expected,), (repeated,) = codec.symbols(data), codec.symbols(codec.encode(pixels, quality=quality))
    assert (repeated != expected).mean() < 0.01  # where two codes are equally near
    for picture, before in ((codec.decode(data), whole), (codec.decode(data, temperature=1.0, seed=3), sample)):
        assert psnr_db(before, picture) > 45


def test_a_callers_autocast_changes_nothing(codec):
    import torch

    data = codec.encode(PHOTO, quality=70)
    with torch.autocast("cpu", torch.bfloat16):
        assert codec.encode(PHOTO, quality=70) == data
        np.testing.assert_array_equal(codec.decode(data), HqaPhotoCodec.decode(codec, data))


def test_the_file_names_its_codec(codec, monkeypatch):
    monkeypatch.setattr(registry, "shared", {"hqa-photo": codec}.__getitem__)
    data = hvaecodec.encode(PHOTO, "hqa-photo", quality=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(hvaecodec.decode(data), codec.decode(data))
    assert hvaecodec.info(data)["layer"] == 4 and hvaecodec.symbols(data)[0].shape == (6, 9)


@pytest.mark.parametrize("shape", [(33, 20, 2), (40, 35, 4)])
def test_bytes_that_nobody_reads_are_refused(codec, shape):
    promises.check_unread_bytes(codec, codec.encode(promises.noise(shape), quality=50))
