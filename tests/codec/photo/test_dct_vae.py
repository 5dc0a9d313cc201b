"""The default codec with tiny random weights: round trips, scales, partial files, sampling, targets, refusals."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import promises
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from partitions import random_shapes
from PIL import Image
from promises import PHOTO, SHAPES, psnr_db
from skimage import data as photos

from hvaecodec import CodecError
from hvaecodec.codec.errors import CorruptFile, ModelMismatch
from hvaecodec.codec.format.container import pack, unpack
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.context import Context
from hvaecodec.models.photo.layout import N_LEVELS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def codec(folder):
    return DctVaeCodec.load(folder)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_comes_back_as_the_encoder_saw_it(codec, folder, shape):
    promises.check_round_trip(codec, DctVaeCodec.load(folder), promises.noise(shape), quality=40, effort=1)


@pytest.mark.parametrize(
    "pixels", [np.zeros((40, 40, 3), np.uint8), np.full((40, 40), 255, np.uint8), PHOTO[::2, ::2][::-1]]
)
def test_flat_and_non_contiguous_pictures(codec, pixels):
    assert codec.decode(codec.encode(pixels, quality=70)).shape == pixels.shape


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 70), width=st.integers(1, 70), quality=st.floats(1, 100))
@settings(max_examples=15)
def test_any_picture_round_trips_its_symbols(codec, seed, height, width, quality):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    data = codec.encode(pixels, quality=quality, effort=1)
    for torch_level, numpy_level in zip(codec.symbols(data), codec.symbols(data, backend="numpy"), strict=True):
        np.testing.assert_array_equal(torch_level, numpy_level)


def test_bytes_rise_with_quality(codec):
    sizes = [len(codec.encode(PHOTO, quality=q, effort=1)) for q in (1, 20, 40, 60, 80, 100)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_bpp_search_gives_the_largest_file_not_above_it(codec):
    pixels = PHOTO[:64, :64]
    target = 8 * (len(codec.encode(pixels, quality=40, effort=1)) + 1) / 64**2
    data = codec.encode(pixels, bpp=target, effort=1)
    assert 8 * len(data) / 64**2 <= target
    assert codec.info(data)["quality"] == pytest.approx(40, abs=2)
    assert 8 * len(codec.encode(pixels, quality=45, effort=1)) / 64**2 > target


def test_psnr_search_gives_the_smallest_file_that_reaches_it(codec):
    pixels = PHOTO[:64, :64]
    target = psnr_db(pixels, codec.decode(codec.encode(pixels, quality=40, effort=1))) - 1e-6
    data = codec.encode(pixels, psnr=target, effort=1)
    before = codec.encode(pixels, quality=codec.info(data)["quality"] - 1 / 8, effort=1)
    assert psnr_db(pixels, codec.decode(before)) < target <= psnr_db(pixels, codec.decode(data))


@pytest.mark.parametrize("quality", [1, 40])
def test_a_target_is_met_by_the_files_of_the_effort_that_was_asked_for(codec, quality):
    pixels = PHOTO[:64, :64]
    target = 8 * (len(codec.encode(pixels, quality=quality, effort=2)) + 1) / 64**2
    data = codec.encode(pixels, bpp=target, effort=2)
    reached = codec.info(data)["quality"]
    assert data == codec.encode(pixels, quality=reached, effort=2)
    assert 8 * len(data) / 64**2 <= target
    assert 8 * len(codec.encode(pixels, quality=reached + 1 / 8, effort=2)) / 64**2 > target


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": 0.5},
        {"quality": 101},
        {"quality": 50, "bpp": 1},
        {"effort": 4},
        {"bpp": 1e-4},
        {"bpp": 0},
        {"bpp": float("nan")},
        {"psnr": 90.0},
        {"psnr": float("inf")},
    ],
)
def test_impossible_settings_are_value_errors(codec, settings):
    with pytest.raises(ValueError):
        codec.encode(PHOTO[:33, :33], **({"effort": 1} | settings))


def test_info_tells_bytes_and_estimates_apart(codec):
    info = promises.check_info(codec, codec.encode(PHOTO, quality=50, effort=1))
    assert (info["height"], info["width"], info["mode"], info["levels"]) == (96, 130, "RGB", N_LEVELS)
    assert info["quality"] == pytest.approx(50)


@pytest.mark.parametrize("scale", [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32])
def test_scales_give_the_band_limited_thumbnail(codec, scale):
    data = codec.encode(PHOTO, quality=90, effort=1)
    small = codec.decode(data, scale=scale)
    assert small.shape == (-(-96 * scale // 1), -(-130 * scale // 1), 3)
    box = np.asarray(Image.fromarray(PHOTO).resize(small.shape[1::-1], Image.Resampling.BOX)).astype(float)
    assert np.abs(small[:-1, :-1] - box[:-1, :-1]).mean() < 12


def test_scale_reads_only_the_levels_it_needs(codec):
    data = codec.encode(PHOTO, quality=50, effort=1)
    container = unpack(data)
    cut = data[: container.framing_bytes - 4 + sum(container.level_lengths[:4])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing that 1/4 needs is missing
        np.testing.assert_array_equal(codec.decode(cut, scale=1 / 4, partial=True), codec.decode(data, scale=1 / 4))


@pytest.fixture(scope="module")
def small_file(codec):
    return codec.encode(PHOTO[:30, :30], quality=50, effort=1)


@pytest.mark.parametrize("scale", [1, 1 / 8])
def test_a_file_cut_anywhere_is_refused_or_coarser(codec, small_file, scale):
    container = unpack(small_file)
    ends = np.cumsum(container.level_lengths) + container.framing_bytes - 4
    for cut in range(len(small_file)):
        data = small_file[:cut]
        with pytest.raises(CodecError):
            codec.decode(data, scale=scale)
        if cut < ends[0]:
            with pytest.raises(CodecError):
                codec.decode(data, scale=scale, partial=True)
            continue
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            picture = codec.decode(data, scale=scale, partial=True)
        assert picture.shape == (round(30 * scale + 0.49), round(30 * scale + 0.49), 3)
        needed = ends[5] if scale == 1 else ends[2]
        assert bool(messages) == (cut < needed)


@pytest.mark.parametrize("settings", [{}, {"partial": True}, {"scale": 1 / 8}, {"scale": 1 / 8, "partial": True}])
def test_ten_thousand_flipped_bits_are_all_refused(codec, small_file, settings):
    promises.check_flipped_bits(codec, small_file, 10_000, **settings)


def test_appended_bytes_are_refused(codec, small_file):
    for extra in (b"\0", b"x" * 1000):
        with pytest.raises(CorruptFile):
            codec.decode(small_file + extra, partial=True)


def test_other_weights_other_steps_and_other_level_counts_are_refused(codec, tmp_path):
    data = codec.encode(PHOTO[:33, :33], effort=1)
    other = DctVaeCodec.load(tiny.write_weights(tmp_path / "other", seed=1))
    with pytest.raises(ModelMismatch, match="written with bitstream weights"):
        other.decode(data)
    container = unpack(data)
    with pytest.raises(CorruptFile, match="step index"):
        codec.decode(pack(dataclasses.replace(container.header, step_index=793), container.levels))
    with pytest.raises(CorruptFile, match="level streams"):
        codec.decode(pack(container.header, container.levels[:5]))


@pytest.mark.parametrize("shape", [(33, 20, 2), (40, 35, 4)])
def test_bytes_that_nobody_reads_are_refused(codec, shape):
    promises.check_unread_bytes(codec, codec.encode(promises.noise(shape), quality=40, effort=1))


def test_a_new_generator_leaves_old_files_their_pictures(codec, tmp_path):
    promises.check_new_generator(codec, tiny, tmp_path / "newer", codec.encode(PHOTO, effort=1))


def test_temperature_samples_by_seed_alone(codec):
    promises.check_draws(codec, codec.encode(PHOTO, quality=20, effort=1))


def test_blocks_give_the_same_symbols_and_picture_as_the_whole(codec, monkeypatch):
    pixels = np.asarray(Image.fromarray(photos.astronaut()).resize((512, 480)))
    data = codec.encode(pixels, quality=60, effort=1)
    whole = codec.decode(data)
    sample = codec.decode(data, temperature=1.0, seed=3)
    monkeypatch.setattr("hvaecodec.codec.photo.render.BLOCK", 5)
    monkeypatch.setattr("hvaecodec.codec.photo.render.STRIP_TILES", 20)
    assert codec.encode(pixels, quality=60, effort=1) == data
    assert np.abs(codec.decode(data).astype(int) - whole).max() <= 1
    assert np.abs(codec.decode(data, temperature=1.0, seed=3).astype(int) - sample).max() <= 1


@pytest.mark.parametrize("effort", [2, 3])
def test_search_pays_in_the_cost_it_minimises(codec, effort):
    from hvaecodec.codec.photo.encoder import encode_picture
    from hvaecodec.codec.photo.search import SearchConfig

    config = SearchConfig(passes=(0, 2, 4))

    def cost(at: int) -> float:
        encoding = encode_picture(codec.weights, PHOTO, 300, at, config)
        error = codec.weights.nets.error_gradient(encoding.context, PHOTO).error
        return error / 3 + config.lagrangian * float(codec.bitstream.delta[300]) ** 2 * sum(encoding.est_bits)

    assert cost(effort) <= cost(1)


def test_gradient_of_the_generators_error(codec):
    from hvaecodec.codec.backends.torch_photo_blocks import error_gradient, squared_error

    net = codec.generators.get(codec.generators.newest)
    symbols = np.zeros((3, 32, 32, 2, 2), np.int16)
    steps = 20 * torch.from_numpy(codec.bitstream.s)
    pixels = photos.astronaut()[:50, :60]
    context = Context(symbols, random_shapes((2, 2)), 300)
    base = error_gradient(net, context, steps, pixels)
    symbols[0, 0, 1, 0, 0] = 1
    up = error_gradient(net, context, steps, pixels).error
    symbols[0, 0, 1, 0, 0] = -1
    down = error_gradient(net, context, steps, pixels).error
    assert (up - down) / 2 == pytest.approx(base.by_symbol[0, 0, 1, 0, 0], rel=0.05)
    assert base.error > 0 and up != down
    assert squared_error(net, context, steps, pixels) == pytest.approx(down, rel=1e-6)
