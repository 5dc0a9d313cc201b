"""Pictures through chosen blocks and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from partitions import random_shapes

from hvaecodec.codec.backends import torch_photo_transform as transform
from hvaecodec.codec.photo import transform as in_numpy
from hvaecodec.codec.photo.context import Context
from hvaecodec.models.photo.quantiser import shape_weights

S = shape_weights()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:70, :110]
    waves = 128 + 60 * np.sin(x / 3.0) * (y > 30) + 40 * np.cos((x + y) / 9.0)
    colour = waves[..., None] + np.array([0, 10, -15])
    return np.clip(colour + 4 * rng.standard_normal(colour.shape), 0, 255).astype(np.uint8)


def rounded(analysis: transform.Analysis) -> Context:
    return Context(np.rint(analysis.coefficients).astype(np.int16), analysis.shapes, 0)


@pytest.mark.parametrize("chosen", [True, False])
def test_fine_steps_give_the_picture_back(pixels, chosen) -> None:
    shapes = None if chosen else random_shapes((3, 4))
    shown = transform.dequantised_picture(rounded(transform.analyse(pixels, 1.0, S, shapes)), 1.0, S)
    error = shown[0, :, :70, :110].permute(1, 2, 0).numpy() - pixels
    assert np.abs(error).mean() < 0.6


def test_grey_has_no_chroma(pixels) -> None:
    analysis = transform.analyse(pixels[..., 0], 10.0, S)
    assert not analysis.coefficients[1:].any()
    assert (analysis.shapes[1] == 0).all() and analysis.shapes[0].any()


@pytest.mark.parametrize("size", [1, 8, 16])
def test_thumbnails_are_small_pictures(pixels, size) -> None:
    context = rounded(transform.analyse(pixels, 4.0, S))
    whole = transform.dequantised_picture(context, 4.0, S)
    small = transform.dequantised_picture(context, 4.0, S, size)
    box = torch.nn.functional.avg_pool2d(whole, 32 // size)
    assert small.shape == box.shape
    assert (small - box).abs().mean() < 4
    assert (
        np.abs(transform.thumbnail(context, 4.0, S, size) - small[0].permute(1, 2, 0).clamp(0, 255).numpy()).max()
        <= 0.5
    )


def test_shapes_that_there_are_are_kept(pixels) -> None:
    shapes = random_shapes((3, 4), 1)
    assert transform.analyse(pixels, 10.0, S, shapes).shapes is shapes


def test_strips_give_what_the_whole_gives(pixels, monkeypatch) -> None:
    whole = transform.analyse(pixels, 10.0, S)
    monkeypatch.setattr("hvaecodec.codec.photo.render.STRIP_TILES", 4)
    strips = transform.analyse(pixels, 10.0, S)
    np.testing.assert_array_equal(strips.shapes, whole.shapes)
    np.testing.assert_allclose(strips.coefficients, whole.coefficients, atol=1e-4)


# -- the same in numpy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("delta", [4.0, 30.0])
def test_numpy_analyses_as_torch_does(pixels, delta, colour, monkeypatch) -> None:
    monkeypatch.setattr(in_numpy, "CACHED_TILES", 8)
    source = pixels if colour else pixels[..., 0]
    ours, theirs = in_numpy.analyse(source, delta, S.numpy()), transform.analyse(source, delta, S)
    np.testing.assert_array_equal(ours.shapes, theirs.shapes)
    np.testing.assert_allclose(ours.coefficients, theirs.coefficients, atol=2e-4)
    assert len(np.unique(ours.shapes)) > 3


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_numpy_gives_the_pictures_that_torch_gives(pixels, size, monkeypatch) -> None:
    monkeypatch.setattr(in_numpy, "CACHED_TILES", 8)
    shapes = random_shapes((3, 4), 2)
    analysis = in_numpy.analyse(pixels, 10.0, S.numpy(), shapes)
    assert analysis.shapes is shapes
    context = rounded(analysis)
    picture = in_numpy.dequantised_picture(context, 10.0, S.numpy(), size)
    np.testing.assert_allclose(picture, transform.dequantised_picture(context, 10.0, S, size)[0].numpy(), atol=1e-3)
    small = in_numpy.thumbnail(context, 10.0, S.numpy(), size)
    assert np.abs(small.astype(int) - transform.thumbnail(context, 10.0, S, size)).max() <= 1
