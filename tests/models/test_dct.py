"""Colour, tiles and thumbnails are what they say."""

import numpy as np
import pytest
import scipy.fft
import torch

from hvaecodec.models.dct import (
    coefficients_to_tiles,
    dct_matrix,
    rgb_to_ycc,
    tiles_to_coefficients,
    ycc_to_rgb,
)

RGB = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 64, 96)).astype(np.float32))


def test_colour_is_jfif_and_comes_back():
    ycc = rgb_to_ycc(RGB)
    red, green, blue = RGB[:, 0], RGB[:, 1], RGB[:, 2]
    torch.testing.assert_close(ycc[:, 0], 0.299 * red + 0.587 * green + 0.114 * blue - 128, atol=1e-4, rtol=0)
    torch.testing.assert_close(ycc[:, 1], (blue - ycc[:, 0] - 128) * 0.5 / (1 - 0.114), atol=1e-3, rtol=0)
    torch.testing.assert_close(ycc_to_rgb(ycc), RGB, atol=1e-3, rtol=0)


def test_coefficients_are_scipys_orthonormal_dct():
    tile = RGB[0, 0, 32:64, 64:96].numpy()
    ours = tiles_to_coefficients(RGB)[0, 0, :, :, 1, 2]
    np.testing.assert_allclose(ours, scipy.fft.dctn(tile, norm="ortho"), atol=1e-3)
    torch.testing.assert_close(coefficients_to_tiles(tiles_to_coefficients(RGB)), RGB, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_thumbnails_keep_the_mean_of_every_tile(size):
    small = coefficients_to_tiles(tiles_to_coefficients(RGB), size)
    assert small.shape == (2, 3, 2 * size, 3 * size)
    means = torch.nn.functional.avg_pool2d(RGB, 32)
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(small, size), means, atol=1e-3, rtol=0)
    torch.testing.assert_close(dct_matrix(size) @ dct_matrix(size).T, torch.eye(size), atol=1e-6, rtol=0)
