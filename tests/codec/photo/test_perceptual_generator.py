"""A perceptual generator draws at temperature 1; below, the picture lies on the line from that of temperature 0."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny
from promises import PHOTO, check_draws

import hvaecodec
from hvaecodec.codec import backends
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.photo.adaptation import NONE
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.nets import render
from hvaecodec.codec.photo.render import blend, render_bands
from hvaecodec.codec.settings import Decoding


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Tiny weights, and the same with a perceptual generator on top."""
    plain = tiny.write_weights(tmp_path_factory.mktemp("weights") / "plain", directions=64)
    return plain, tiny.write_perceptual(shutil.copytree(plain, plain.with_name("perceptual")), directions=64)


@pytest.fixture
def codec(folders):
    return hvaecodec.load(folders[1])


@pytest.fixture
def plain(folders):
    return hvaecodec.load(folders[0])


def apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(x.astype(float) - y)


# -- what does not change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effort", [1, 2])
def test_files_and_their_pictures_at_temperature_0_stay(codec, plain, effort):
    before, data = (c.encode(PHOTO, quality=30, effort=effort) for c in (plain, codec))
    assert unpack(data).levels == unpack(before).levels
    assert data != before, "a file names the generator that draws it"
    for settings in ({}, {"scale": 0.5}, {"scale": 0.5, "temperature": 1}):
        np.testing.assert_array_equal(codec.decode(data, **settings), plain.decode(before, **settings))


def test_a_file_of_weights_without_one_is_drawn_as_before(codec, plain):
    before = plain.encode(PHOTO, quality=30, effort=1)
    for temperature in (0, 0.5, 1):
        settings = {"temperature": temperature, "seed": 3}
        np.testing.assert_array_equal(codec.decode(before, **settings), plain.decode(before, **settings))
    newest = codec.decode(before, temperature=1, seed=3, generator="latest")
    np.testing.assert_array_equal(
        newest, codec.decode(codec.encode(PHOTO, quality=30, effort=1), temperature=1, seed=3)
    )
    assert (newest != codec.decode(before, temperature=1, seed=3)).any()


def test_at_temperature_0_the_perceptual_generator_is_not_loaded(folders):
    codec = hvaecodec.load(folders[1])
    data = codec.encode(PHOTO, quality=30, effort=1)
    codec.decode(data)
    assert list(codec.generators.loaded) == [codec.generators.base(codec.generators.newest, "perceptual")]
    codec.decode(data, temperature=0.5)
    assert codec.generators.newest in codec.generators.loaded


def test_an_older_file_keeps_its_adaptation_under_a_new_perceptual_generator(codec, plain):
    before = plain.encode(PHOTO, effort=2)
    assert len(plain._decode_context(unpack(before))[0].adaptation.coefficients) > 0
    np.testing.assert_array_equal(codec.decode(before, generator="latest"), plain.decode(before))


# -- the line ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.25, 0.5, 0.75, 1.5])
def test_between_the_two_pictures_there_is_a_line(codec, temperature):
    data = codec.encode(PHOTO, quality=30, effort=1)
    smooth, drawn = (codec.decode(data, temperature=t, seed=4).astype(float) for t in (0, 1))
    inside = (drawn > 0) & (drawn < 255) & (smooth > 0) & (smooth < 255)  # the ends are clipped after the line
    line = ((1 - temperature) * smooth + temperature * drawn).clip(0, 255)
    between = codec.decode(data, temperature=temperature, seed=4)
    assert apart(between, line)[inside].max() <= 0.5 + 0.5 * (abs(1 - temperature) + temperature)
    assert (between != smooth).any()


def grey(level: float):
    def picture(context, block):
        return np.full((1, 3, 32 * context.grid[0], 32 * context.grid[1]), level, np.float32)

    return picture


def drawn(picture):
    (band,) = render_bands(CONTEXT, picture)
    return band


CONTEXT = Context(np.zeros((3, 32, 32, 2, 3), np.int16), np.zeros((2, 4, 6), np.int64), 100)


@pytest.mark.parametrize(("temperature", "level"), [(0, 9), (0.25, 9), (0.5, 10), (0.75, 11), (1, 11), (2, 14)])
def test_it_is_a_line_of_floats(temperature, level):
    """Of rounded pictures it would give 10 at 0.75."""
    assert (drawn(blend(grey(8.7), grey(11.4), temperature)) == level).all()


def test_at_both_ends_one_net_runs(codec):
    def other(context, block):
        raise AssertionError("the other net was run")

    assert (drawn(blend(grey(8), other, 0)) == 8).all()
    assert (drawn(blend(other, grey(8), 1)) == 8).all()


def test_what_a_file_changes_of_the_generator_is_not_drawn(codec):
    context, _ = codec._decode_context(unpack(codec.encode(PHOTO, effort=2)))
    assert len(context.adaptation.coefficients) > 0
    for temperature, changes in ((1, False), (0.5, True)):
        settings = Decoding(temperature=temperature, seed=2)
        ours, without = (
            render(codec.weights.nets, c, codec.generators.newest, settings)
            for c in (context, replace(context, adaptation=NONE))
        )
        assert (ours != without).any() == changes


# -- draws ------------------------------------------------------------------------------------------------------------


def test_the_seed_alone_decides(codec):
    data = codec.encode(PHOTO, quality=30, effort=1)
    check_draws(codec, data)
    one, other = (codec.decode(data, temperature=1, seed=seed) for seed in (1, 2))
    assert apart(one, other).mean() > 0.5


def test_blocks_give_what_the_whole_gives(codec, monkeypatch):
    pixels = np.tile(PHOTO, (3, 3, 1))[:450, :420]
    data = codec.encode(pixels, quality=40, effort=1)
    whole = {t: codec.decode(data, temperature=t, seed=3) for t in (0.5, 1)}
    monkeypatch.setattr("hvaecodec.codec.photo.render.BLOCK", 5)
    for temperature, picture in whole.items():
        assert apart(codec.decode(data, temperature=temperature, seed=3), picture).max() <= 1


def test_threads_do_not_change_a_draw(codec):
    import torch

    data = codec.encode(PHOTO, quality=30, effort=1)
    drawn = codec.decode(data, temperature=0.5, seed=3)
    threads = torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        assert apart(codec.decode(data, temperature=0.5, seed=3), drawn).max() <= 1
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_both_backends_draw_alike(folders, monkeypatch, temperature):
    monkeypatch.setattr("hvaecodec.codec.backends.torch_photo_blocks.bfloat16_is_faster", lambda: False)
    pictures = []
    for library in ("torch", "onnx"):
        monkeypatch.setenv(backends.VARIABLE, library)
        codec = hvaecodec.load(folders[1])
        data = codec.encode(PHOTO, quality=30, effort=1)
        pictures.append(codec.decode(data, temperature=temperature, seed=5))
    difference = apart(*pictures)
    assert difference.max() <= 1 and (difference == 0).mean() > 0.999


@pytest.mark.parametrize("mode", ["grey", "alpha"])
def test_grey_and_alpha_are_drawn_too(codec, mode):
    alpha = np.arange(PHOTO[..., 0].size, dtype=np.uint32).reshape(PHOTO.shape[:2]).astype(np.uint8)
    pixels = PHOTO[..., 0] if mode == "grey" else np.dstack([PHOTO, alpha])
    data = codec.encode(pixels, quality=30, effort=1)
    drawn = codec.decode(data, temperature=1)
    assert drawn.shape == pixels.shape and (drawn != codec.decode(data)).any()
    if mode == "alpha":
        np.testing.assert_array_equal(drawn[..., 3], alpha)
