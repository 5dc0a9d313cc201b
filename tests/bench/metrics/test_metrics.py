"""Metrics against numbers worked by hand and scikit-image's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvaecodec.bench.metrics import image_metrics


def test_mse_and_psnr_by_hand() -> None:
    x = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    x_hat = np.array([[[3, 0, 0], [255, 251, 255]]], np.uint8)
    assert image_metrics.mse(x, x_hat) == 25 / 6
    assert image_metrics.psnr_db(x, x_hat) == pytest.approx(10 * math.log10(65025 * 6 / 25))


def test_mse_does_not_wrap() -> None:
    assert image_metrics.mse(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == 255**2


@given(st.integers(0, 2**32 - 1))
def test_psnr_agrees_with_skimage(seed: int) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    rng = np.random.default_rng(seed)
    x, x_hat = rng.integers(0, 256, (2, 9, 11, 3), dtype=np.uint8)
    assert image_metrics.psnr_db(x, x_hat) == pytest.approx(peak_signal_noise_ratio(x, x_hat, data_range=255))


def test_equal_pictures_have_no_psnr_and_say_so() -> None:
    x = np.zeros((4, 4, 3), np.uint8)
    values, reasons = image_metrics.score_picture(x, x, ["psnr", "mse"])
    assert values == {"psnr_db": None, "mse": 0.0}
    assert reasons == {"psnr_db": "the pictures are equal"}


def test_ms_ssim_needs_161_pixels() -> None:
    x = np.zeros((160, 300, 3), np.uint8)
    values, reasons = image_metrics.score_picture(x, x, ["ms-ssim"])
    assert values == {"ms_ssim": None}
    assert reasons == {"ms_ssim": "a side is under 161 pixels"}


def test_ms_ssim_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (161, 170, 3), dtype=np.uint8)
    noisy = [np.clip(x + rng.normal(0, sigma, x.shape), 0, 255).astype(np.uint8) for sigma in (5, 40)]
    assert image_metrics.ms_ssim(x, x) == pytest.approx(1, abs=1e-6)
    assert 1 > image_metrics.ms_ssim(x, noisy[0]) > image_metrics.ms_ssim(x, noisy[1]) > 0


def test_ms_ssim_of_a_flat_shift_by_hand() -> None:
    """Two flat pictures differ in luminance alone, which only the coarsest scale weighs, by 0.1333."""
    x, x_hat = np.full((176, 176), 100, np.uint8), np.full((176, 176), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert image_metrics.ms_ssim(x, x_hat) == pytest.approx(luminance**0.1333, abs=1e-4)


def _noisy(x: np.ndarray, sigma: float) -> np.ndarray:
    return np.clip(x + np.random.default_rng(1).normal(0, sigma, x.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_ms_ssim32_is_the_standard_where_that_exists(channels: tuple[int, ...]) -> None:
    x = (np.indices((171, 192)).sum(0) % 256).astype(np.uint8)
    x = np.broadcast_to(x.reshape(171, 192, *(1 for _ in channels)), (171, 192, *channels))
    values, _ = image_metrics.score_picture(x, _noisy(x, 30), ["ms-ssim", "ms-ssim32"])
    assert values["ms_ssim32"] == pytest.approx(values["ms_ssim"], abs=1e-5)
    assert values["ms_ssim"] < 0.99


@pytest.mark.parametrize("side", [1, 28, 32, 33])
def test_ms_ssim32_on_small_pictures(side: int) -> None:
    x = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    assert image_metrics.ms_ssim_small(x, x) == pytest.approx(1)
    assert 1 > image_metrics.ms_ssim_small(x, _noisy(x, 5)) > image_metrics.ms_ssim_small(x, _noisy(x, 60)) >= 0


def test_ms_ssim32_of_a_flat_shift_by_hand() -> None:
    x, x_hat = np.full((32, 32), 100, np.uint8), np.full((32, 32), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert image_metrics.ms_ssim_small(x, x_hat) == pytest.approx(luminance**0.1333, abs=1e-9)


def test_ms_ssim_db() -> None:
    assert image_metrics.ms_ssim_db(0.99) == pytest.approx(20)
    assert image_metrics.ms_ssim_db(1) == math.inf


def test_bpp_counts_the_whole_file() -> None:
    assert image_metrics.bpp(49152, 512, 768) == 1


def test_grey_that_came_back_as_rgb_is_compared_in_rgb() -> None:
    x = np.zeros((4, 4), np.uint8)
    assert image_metrics.score_picture(x, np.full((4, 4, 3), 2, np.uint8), ["mse"])[0] == {"mse": 4.0}


def test_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="decoded to"):
        image_metrics.score_picture(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8), ["mse"])


def test_an_unknown_metric_lists_the_known() -> None:
    with pytest.raises(ValueError, match="no metric 'vmaf'; there are mse, psnr, ms-ssim"):
        image_metrics.get("vmaf")
