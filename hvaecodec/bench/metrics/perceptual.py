"""Perceptual distances and indices of two pictures, through their well-kept libraries: lpips, piq, scikit-image.

All take uint8 pictures, (H, W) or (H, W, 3). Each docstring says in which form its library gets them, and METRICS.md
says it to the reader.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import NotMeasurable, metric_weights, torchvision_schemas
from hvaecodec.codec.errors import CodecUnavailable

INSTALL = "pip install 'hvaecodec[perceptual]'"


def lpips(x: np.ndarray, x_hat: np.ndarray, *, net: str) -> float:
    """Return the LPIPS 0.1 of two pictures, by the package of its authors, from RGB in [-1, 1]; lower is better.

    It is eq. 1 of Zhang et al., arXiv:1801.03924. net: `alex` or `vgg`.
    Raises CodecUnavailable without library or weights, NotMeasurable for a picture that is too small for the network.
    """
    return _scalar(load_lpips(net), 2 * planes(x) - 1, 2 * planes(x_hat) - 1)


def dists(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the DISTS of two pictures, by piq, from RGB in [0, 1]; lower is better.

    It is that of Ding et al., arXiv:2004.07728; the shorter side is brought to 256 pixels if it is longer.
    Raises CodecUnavailable without library or weights, NotMeasurable for a picture that is too small for the network.
    """
    return _scalar(load_dists(), planes(x), planes(x_hat))


def piq_index(x: np.ndarray, x_hat: np.ndarray, *, function: str) -> float:
    """Return what a function of piq says of two pictures, RGB in [0, 1]; one that needs no weights, as `gmsd`.

    Raises CodecUnavailable without piq, NotMeasurable for a picture that is too small for the function's filters.
    """
    return _scalar(getattr(library("piq"), function), planes(x), planes(x_hat), data_range=1.0)


def ssim(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the SSIM of two pictures, by scikit-image, as the mean over positions and channels.

    It is eq. 13 of Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 2004, with the settings of the paper: a Gaussian window with σ 1.5.
    Raises NotMeasurable if a side is under the window of 11 pixels.
    """
    if min(x.shape[:2]) < 11:
        raise NotMeasurable("a side is under the window of 11 pixels")
    skimage = library("skimage.metrics")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(skimage.structural_similarity(x, x_hat, channel_axis=None if x.ndim == 2 else 2, **options))


@cache
def load_lpips(net: str) -> Any:
    """Return the LPIPS network on `alex` or `vgg`, ready to be called; loaded once. Raises CodecUnavailable."""
    weights = {"alex": metric_weights.ALEXNET, "vgg": metric_weights.VGG16}[net]
    module = library("lpips")
    with metric_weights.hub_with({weights.file: metric_weights.find(weights)}), quiet():
        return module.LPIPS(net=net, verbose=False).eval()


@cache
def load_dists() -> Any:
    """Return the DISTS network: VGG16 from the weights' file, α and β from the package of the authors; loaded once.

    Raises CodecUnavailable.
    """
    module, authors = library("piq"), library_folder("DISTS_pytorch")
    vgg = metric_weights.VGG16
    files = {vgg.file: metric_weights.find(vgg), "dists_weights.pt": authors / "weights.pt"}
    with metric_weights.hub_with(files), quiet():
        return module.DISTS().eval()


def library(name: str) -> Any:
    """Import a library without its warnings and return it. Raises CodecUnavailable if it cannot be imported."""
    torchvision_schemas.declare()
    try:
        with quiet():
            return importlib.import_module(name)
    except (ImportError, RuntimeError, AttributeError) as cause:
        raise CodecUnavailable(f"{name} does not import ({cause}); {INSTALL}") from cause


def library_folder(name: str) -> Path:
    """Return the folder of a library without importing it. Raises CodecUnavailable if it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CodecUnavailable(f"{name} is not installed; {INSTALL}")
    return Path(spec.origin).parent


def planes(x: np.ndarray) -> Any:
    """Return a uint8 picture, (H, W), which becomes RGB, or (H, W, 3), as a float32 tensor (1, 3, H, W) in [0, 1]."""
    import torch

    rgb = np.repeat(x[..., None], 3, axis=2) if x.ndim == 2 else x
    return torch.from_numpy(np.require(rgb, requirements=["C", "W"])).permute(2, 0, 1)[None].float() / 255


@contextmanager
def quiet() -> Iterator[None]:
    """Silence in a block the libraries' warnings about each other's versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _scalar(function: Any, x: Any, x_hat: Any, **options: Any) -> float:
    """What a library's function or network says of two pictures; its refusals become NotMeasurable."""
    import torch

    try:
        with torch.inference_mode(), quiet():
            return float(function(x, x_hat, **options))
    except (ValueError, AssertionError, RuntimeError) as reason:  # a picture under the size of a filter or a net
        height, width = x.shape[-2:]
        words = str(reason).splitlines() or [type(reason).__name__]
        raise NotMeasurable(f"not for {width}x{height} pixels: {words[0]}") from reason
