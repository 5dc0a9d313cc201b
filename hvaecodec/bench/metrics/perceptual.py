"""Perceptual distances and indices of two pictures, through their well-kept libraries: lpips, piq, scikit-image.

All take uint8 pictures, (H, W) or (H, W, 3). Each docstring says in which form its library gets them, and METRICS.md
says it to the reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import NotMeasurable
from hvaecodec.codec.metric_nets import convolutions, libraries, lpips_net
from hvaecodec.codec.weight_folders import usable


def lpips(x: np.ndarray, x_hat: np.ndarray, *, net: str) -> float:
    """Return the LPIPS 0.1 of two pictures, by the package of its authors, from RGB in [-1, 1]; lower is better.

    It is eq. 1 of Zhang et al., arXiv:1801.03924. net: `alex` or `vgg`.
    Raises CodecUnavailable without library or weights, NotMeasurable for a picture that is too small for the network.
    """
    return _scalar(lpips_net.load_lpips(net), 2 * planes(x) - 1, 2 * planes(x_hat) - 1)


def dists(x: np.ndarray, x_hat: np.ndarray, *, side: int | None = None) -> float:
    """Return the DISTS of two pictures, by piq, from RGB in [0, 1]; lower is better.

    It is that of Ding et al., arXiv:2004.07728. side: to how many pixels a longer shorter side is brought before, by
    bilinear interpolation; None is full size, as the network of the authors' package takes a picture.
    Raises CodecUnavailable without library or weights, NotMeasurable for a picture that is too small for the network.
    """
    return _scalar(load_dists(), _no_larger(planes(x), side), _no_larger(planes(x_hat), side))


def piq_index(x: np.ndarray, x_hat: np.ndarray, *, function: str) -> float:
    """Return what a function of piq says of two pictures, RGB in [0, 1]; one that needs no weights, as `gmsd`.

    Raises CodecUnavailable without piq, NotMeasurable for a picture that is too small for the function's filters.
    """
    return _scalar(getattr(libraries.library("piq"), function), planes(x), planes(x_hat), data_range=1.0)


def ssim(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Return the SSIM of two pictures, by scikit-image, as the mean over positions and channels.

    It is eq. 13 of Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 2004, with the settings of the paper: a Gaussian window with σ 1.5.
    Raises NotMeasurable if a side is under the window of 11 pixels.
    """
    if min(x.shape[:2]) < 11:
        raise NotMeasurable("a side is under the window of 11 pixels")
    skimage = libraries.library("skimage.metrics")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(skimage.structural_similarity(x, x_hat, channel_axis=None if x.ndim == 2 else 2, **options))


class LastTwo:
    """Remembers what a function returned for the last two tensors that differ, for tensors without gradients."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.results: dict[bytes, Any] = {}

    def __call__(self, x: Any) -> Any:
        """Return what the function returns."""
        if x.requires_grad:
            return self.function(x)
        key = hashlib.blake2b(np.ascontiguousarray(x.cpu().numpy()).data, key=str(tuple(x.shape)).encode()).digest()
        result = self.results.pop(key) if key in self.results else self.function(x)
        while len(self.results) > 1:
            self.results.pop(next(iter(self.results)))
        self.results[key] = result
        return result


@cache
def load_dists() -> Any:
    """Return the DISTS network: VGG16's verified convolutions, α and β of the authors' package; loaded once.

    It takes two tensors, float (B, 3, H, W) in [0, 1], at full size. Raises CodecUnavailable.
    """
    module, authors = libraries.library("piq.perceptual"), libraries.library_folder("DISTS_pytorch")
    models = libraries.library("torchvision.models")
    tensors = libraries.torch_tensors(convolutions.load(convolutions.VGG16))
    with usable("cannot make the network of DISTS"), libraries.quiet():
        weights = libraries.read_package_weights(authors / "weights.pt")
        with libraries.without_numbers():
            features = models.vgg16().features
        features.load_state_dict({name.partition(".")[2]: tensor for name, tensor in tensors.items()}, assign=True)

        class AtFullSize(module.DISTS):  # type: ignore[name-defined]  # whose __init__ downloads weights
            def __init__(self) -> None:
                channels, stages = [3, 64, 128, 256, 512, 512], ("3", "8", "15", "22", "29")
                parts = [part for name in ("alpha", "beta") for part in weights[name].split(channels, dim=1)]
                options = {"replace_pooling": True, "allow_layers_weights_mismatch": True}
                super(module.DISTS, self).__init__(features, layers=stages, weights=parts, **options)

                self.seen = LastTwo(super().get_features)  # an original is compared with many decoded pictures

            def get_features(self, x: Any) -> Any:
                return self.seen(x)

            def forward(self, x: Any, y: Any) -> Any:
                return 1 - super(module.DISTS, self).forward(x, y)

        return AtFullSize().eval()


def planes(x: np.ndarray) -> Any:
    """Return a uint8 picture, (H, W), which becomes RGB, or (H, W, 3), as a float32 tensor (1, 3, H, W) in [0, 1]."""
    import torch

    rgb = np.repeat(x[..., None], 3, axis=2) if x.ndim == 2 else x
    return torch.from_numpy(np.require(rgb, requirements=["C", "W"])).permute(2, 0, 1)[None].float() / 255


def _no_larger(x: Any, side: int | None) -> Any:
    """A tensor (1, 3, H, W) as piq's DISTS brings it to a shorter side, if that is longer."""
    from torch.nn.functional import interpolate

    shorter = min(x.shape[2:])
    if side is None or shorter <= side:
        return x
    return interpolate(x, scale_factor=side / shorter, recompute_scale_factor=False, mode="bilinear")


def _scalar(function: Any, x: Any, x_hat: Any, **options: Any) -> float:
    """What a library's function or network says of two pictures; its refusals become NotMeasurable."""
    import torch

    try:
        with torch.inference_mode(), libraries.quiet():
            return float(function(x, x_hat, **options))
    except (ValueError, AssertionError, RuntimeError) as reason:  # a picture under the size of a filter or a net
        height, width = x.shape[-2:]
        words = str(reason).splitlines() or [type(reason).__name__]
        raise NotMeasurable(f"not for {width}x{height} pixels: {words[0]}") from reason
