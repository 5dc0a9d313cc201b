"""Perceptual distances and indices of two pictures, through their well-kept libraries: lpips, piq, scikit-image.

All take uint8 RGB or grey; the docstrings say what a library is given of it, and METRICS.md says it to the reader.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import NotMeasurable, metric_weights, torchvision_schemas
from hvaecodec.codec.errors import CodecUnavailable

INSTALL = "pip install 'hvaecodec[perceptual]'"

Measure = Callable[[np.ndarray, np.ndarray], float]


def lpips(net: str) -> Measure:
    """LPIPS 0.1 (arXiv:1801.03924) by the package of its authors; RGB in [-1, 1]; net: `alex` or `vgg`."""

    def measure(x: np.ndarray, x_hat: np.ndarray) -> float:
        return _scalar(load_lpips(net), 2 * planes(x) - 1, 2 * planes(x_hat) - 1)

    return measure


def dists(x: np.ndarray, x_hat: np.ndarray) -> float:
    """DISTS (arXiv:2004.07728) by piq; RGB in [0, 1], the shorter side brought to 256 if it is longer."""
    return _scalar(load_dists(), planes(x), planes(x_hat))


def of_piq(name: str) -> Measure:
    """An index of piq that needs no weights; RGB in [0, 1]."""

    def measure(x: np.ndarray, x_hat: np.ndarray) -> float:
        return _scalar(getattr(library("piq"), name), planes(x), planes(x_hat), data_range=1.0)

    return measure


def ssim(x: np.ndarray, x_hat: np.ndarray) -> float:
    """SSIM by scikit-image with the settings of Wang et al. 2004: Gaussian window, σ 1.5; mean over the channels."""
    if min(x.shape[:2]) < 11:
        raise NotMeasurable("a side is under the window of 11 pixels")
    skimage = library("skimage.metrics")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(skimage.structural_similarity(x, x_hat, channel_axis=None if x.ndim == 2 else 2, **options))


@cache
def load_lpips(net: str) -> Any:
    """The network in inference form. Raises CodecUnavailable."""
    weights = {"alex": metric_weights.ALEXNET, "vgg": metric_weights.VGG16}[net]
    module = library("lpips")
    with metric_weights.hub_with({weights.file: metric_weights.find(weights)}), quiet():
        return module.LPIPS(net=net, verbose=False).eval()


@cache
def load_dists() -> Any:
    """VGG16 from the weights' file, α and β from the package of the authors. Raises CodecUnavailable."""
    module, authors = library("piq"), library_folder("DISTS_pytorch")
    vgg = metric_weights.VGG16
    files = {vgg.file: metric_weights.find(vgg), "dists_weights.pt": authors / "weights.pt"}
    with metric_weights.hub_with(files), quiet():
        return module.DISTS().eval()


def library(name: str) -> Any:
    """Import a library, quietly. Raises CodecUnavailable if it is not installed or does not import."""
    torchvision_schemas.declare()
    try:
        with quiet():
            return importlib.import_module(name)
    except (ImportError, RuntimeError, AttributeError) as cause:
        raise CodecUnavailable(f"{name} does not import ({cause}); {INSTALL}") from cause


def library_folder(name: str) -> Path:
    """Where a library lies, without importing it. Raises CodecUnavailable."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CodecUnavailable(f"{name} is not installed; {INSTALL}")
    return Path(spec.origin).parent


def planes(x: np.ndarray) -> Any:
    """A torch tensor (1, 3, H, W) in [0, 1]; grey becomes RGB."""
    import torch

    rgb = np.repeat(x[..., None], 3, axis=2) if x.ndim == 2 else x
    return torch.from_numpy(np.require(rgb, requirements=["C", "W"])).permute(2, 0, 1)[None].float() / 255


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' warnings about each other's versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _scalar(function: Any, x: Any, x_hat: Any, **options: Any) -> float:
    import torch

    try:
        with torch.inference_mode(), quiet():
            return float(function(x, x_hat, **options))
    except (ValueError, AssertionError, RuntimeError) as reason:  # a picture under the size of a filter or a net
        height, width = x.shape[-2:]
        words = str(reason).splitlines() or [type(reason).__name__]
        raise NotMeasurable(f"not for {width}x{height} pixels: {words[0]}") from reason
