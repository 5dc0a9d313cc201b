"""What a picture lost, by PSNR, MS-SSIM and others. One entry in `METRICS` each; a new metric is one more entry.

All take uint8 arrays, (H, W) or (H, W, 3), as they came out of a decoded file: after rounding, in RGB.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hvaecodec.bench.metrics import NotMeasurable, perceptual
from hvaecodec.codec.metric_nets import convolutions, libraries, lpips_net

MS_SSIM_MIN_SIDE = 161  # five scales of an 11-pixel window: min side > (11 - 1) * 2**4


@dataclass(frozen=True)
class Metric:
    """A distortion or a similarity of two pictures, as records, tables and plots know it.

    score: its value for `(x, x_hat)`; raises NotMeasurable where it has none. axis: applied to the mean over images,
    for curves and BD-rates. about: input range and network, to stand beside every number. unit: of the axis.
    in_tables: whether it has a curve, a BD-rate and a column.
    ready: raises CodecUnavailable if a library or weights cannot be had.
    """

    key: str  # in the records
    label: str  # on plots and in tables
    score: Callable[[np.ndarray, np.ndarray], float]
    axis: Callable[[float], float] = float
    higher_is_better: bool = True
    about: str = ""
    unit: str = ""
    in_tables: bool = True
    ready: Callable[[], object] = lambda: None
    at_hand: Callable[[], bool] = lambda: True  # whether its weights lie on this machine


def mse(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the mean squared error of the 8-bit values over all pixels and channels."""
    difference = x.astype(np.int32) - x_hat.astype(np.int32)
    return float(np.mean(np.square(difference, dtype=np.int64)))


def psnr_db(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, 10 log10(255² / MSE) with one MSE over all channels.

    Raises NotMeasurable if the pictures are equal.
    """
    error = mse(x, x_hat)
    if error == 0:
        raise NotMeasurable("the pictures are equal")
    return 10 * math.log10(255**2 / error)


def ms_ssim(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the multi-scale SSIM, 0..1, by pytorch-msssim with data range 255, as the mean over the channels.

    It is eq. 7 of Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment",
    Asilomar 2003, with five scales.
    Raises NotMeasurable if a side is under 161 pixels, where the five scales do not fit.
    """
    if min(x.shape[:2]) < MS_SSIM_MIN_SIDE:
        raise NotMeasurable(f"a side is under {MS_SSIM_MIN_SIDE} pixels")
    import pytorch_msssim
    import torch

    with torch.inference_mode():
        return float(pytorch_msssim.ms_ssim(_planes(x), _planes(x_hat), data_range=255))


def ms_ssim_small(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return `ms_ssim32` of two pictures of any size, 0..1; from 161 pixels a side on that is MS-SSIM."""
    import torch

    from hvaecodec.bench.metrics.ms_ssim32 import ms_ssim32

    with torch.inference_mode():
        return float(ms_ssim32(_planes(x) / 255, _planes(x_hat) / 255))


def ms_ssim_db(value: float) -> float:
    """Return an MS-SSIM of 0..1 on the scale in dB that plots and BD-rates use, -10 log10(1 - value).

    The scale is that of Ballé et al., arXiv:1802.01436, and of the published curves.
    """
    return math.inf if value >= 1 else -10 * math.log10(1 - value)


def _piq(key: str, label: str, function: str, higher_is_better: bool = True) -> Metric:
    """An index of piq that needs no network."""
    about = f"piq.{function}, RGB in [0, 1], no network"
    score = functools.partial(perceptual.piq_index, function=function)
    ready = functools.partial(libraries.library, "piq")
    return Metric(key, label, score, higher_is_better=higher_is_better, about=about, ready=ready)


def _lpips(key: str, label: str, net: str, weights: convolutions.Convolutions) -> Metric:
    """LPIPS with one of its networks."""
    about = f"lpips 0.1, RGB in [-1, 1], {weights.about}; lower is better"
    score = functools.partial(perceptual.lpips, net=net)
    ready = functools.partial(lpips_net.load_lpips, net)
    return Metric(
        key,
        label,
        score,
        higher_is_better=False,
        about=about,
        ready=ready,
        at_hand=functools.partial(_at_hand, weights),
    )


def _dists(key: str, label: str, side: int | None) -> Metric:
    """DISTS at full size, or of pictures that were made smaller."""
    size = "full size" if side is None else f"a longer shorter side brought to {side}"
    about = f"piq.DISTS, RGB in [0, 1], {size}, {convolutions.VGG16.about}; lower is better"
    score = functools.partial(perceptual.dists, side=side)
    ready = perceptual.load_dists
    at_hand = functools.partial(_at_hand, convolutions.VGG16)
    return Metric(key, label, score, higher_is_better=False, about=about, ready=ready, at_hand=at_hand)


def _at_hand(net: convolutions.Convolutions) -> bool:
    return convolutions.at_hand(net)


_SMALL = "five scales with a window of min(11, side), RGB in [0, 1], no network"

METRICS: dict[str, Metric] = {
    "mse": Metric("mse", "MSE (8-bit RGB)", mse, higher_is_better=False, in_tables=False),
    "psnr": Metric("psnr_db", "PSNR (dB, RGB)", psnr_db, unit=" dB"),
    "ms-ssim": Metric("ms_ssim", "MS-SSIM (dB)", ms_ssim, ms_ssim_db, unit=" dB"),
    "ms-ssim32": Metric("ms_ssim32", "MS-SSIM32 (dB)", ms_ssim_small, ms_ssim_db, about=_SMALL, unit=" dB"),
    "ssim": Metric("ssim", "SSIM", perceptual.ssim, about="scikit-image, RGB in 0..255, Gaussian window, no network"),
    "lpips": _lpips("lpips", "LPIPS (AlexNet)", "alex", convolutions.ALEXNET),
    "lpips-vgg": _lpips("lpips_vgg", "LPIPS (VGG16)", "vgg", convolutions.VGG16),
    "dists": _dists("dists", "DISTS", None),
    "dists-256": _dists("dists_256", "DISTS/256", 256),
    "fsim": _piq("fsim", "FSIMc", "fsim"),
    "vif": _piq("vif", "VIFp", "vif_p"),
    "haarpsi": _piq("haarpsi", "HaarPSI", "haarpsi"),
    "gmsd": _piq("gmsd", "GMSD", "gmsd", higher_is_better=False),
    "iw-ssim": _piq("iw_ssim", "IW-SSIM", "information_weighted_ssim"),
}


_PLAIN = {"psnr_db": ("PSNR dB", 2), "ms_ssim": ("MS-SSIM", 4), "ms_ssim32": ("MS-SSIM32", 4), "mse": ("MSE", 1)}


def plain_label(metric: Metric) -> tuple[str, int]:
    """Return what a metric is called where it stands as measured, not on its `axis`, and its digits after the point."""
    return _PLAIN.get(metric.key, (metric.label, 4))


def is_perceptual_distance(name: str) -> bool:
    """Return whether a metric is a perceptual distance of two pictures, as LPIPS is: lower is better, with a column."""
    metric = get(name)
    return metric.in_tables and not metric.higher_is_better


def get(name: str) -> Metric:
    """Return the metric called `name`. Raises ValueError, with a list of those there are, for any other name."""
    if name not in METRICS:
        raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[name]


def score_picture(
    x: np.ndarray, x_hat: np.ndarray, names: Sequence[str]
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the value of every metric in `names` by its key in records, and for each null the reason.

    A format without grey returns RGB for a grey picture; the two are then compared in RGB. Raises ValueError for any
    other difference in shape, and for an unknown metric.
    """
    x, x_hat = _match_channels(x, x_hat)
    if x.shape != x_hat.shape or x_hat.dtype != np.uint8:
        raise ValueError(f"decoded to {x_hat.dtype} {x_hat.shape}, the image is {x.dtype} {x.shape}")
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric in map(get, names):
        try:
            values[metric.key] = metric.score(x, x_hat)
        except NotMeasurable as reason:
            values[metric.key], reasons[metric.key] = None, str(reason)
    return values, reasons


def bpp(n_bytes: int, height: int, width: int) -> float:
    """Return the bits of a whole file per pixel of its picture."""
    return 8 * n_bytes / (height * width)


def _planes(x: np.ndarray):  # type: ignore[no-untyped-def]  # a torch.Tensor, and torch is not imported here
    import torch

    planes = np.atleast_3d(x).transpose(2, 0, 1)[None]  # (1, C, H, W)
    return torch.from_numpy(np.require(planes, requirements=["C", "W"])).float()


def _match_channels(x: np.ndarray, x_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures in RGB if the original is grey and the decoded one is not."""
    if x.ndim == 2 and x_hat.ndim == 3 and x_hat.shape[2] == 3:
        return np.repeat(x[..., None], 3, axis=2), x_hat
    return x, x_hat
