"""Pictures through chosen blocks and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from partitions import random_shapes

from hvaecodec.codec.backends import torch_photo_transform as transform
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
    monkeypatch.setattr(transform, "STRIP_TILES", 4)
    strips = transform.analyse(pixels, 10.0, S)
    np.testing.assert_array_equal(strips.shapes, whole.shapes)
    np.testing.assert_allclose(strips.coefficients, whole.coefficients, atol=1e-4)
