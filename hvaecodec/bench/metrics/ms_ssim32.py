"""MS-SSIM32: multi-scale SSIM for pictures too small for the standard five scales.

It is the MS-SSIM of Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment",
Asilomar 2003: five scales with the weights 0.0448 .. 0.1333 of its sec. 3.2, a Gaussian window with sigma 1.5, valid
positions only. Here the window is min(11, side) wide at each scale; from 161 pixels a side on that is the standard.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ms_ssim32(x: Tensor, y: Tensor) -> Tensor:
    """Return the MS-SSIM32 of each pair of pictures, 0..1, as the mean over the channels, float64 (B,).

    x, y: (B, C, H, W) in 0..1. It is eq. 7 of the paper, factors below 0 taken as 0.
    """
    out = torch.ones(x.shape[:2], device=x.device, dtype=torch.float64)
    x, y = x.double(), y.double()
    for scale, weight in enumerate(_WEIGHTS):
        similarity, contrast = _ssim(x, y)
        last = scale == len(_WEIGHTS) - 1
        out = out * (similarity if last else contrast).clamp_min(0) ** weight
        if not last:
            odd = x.shape[-2] % 2, x.shape[-1] % 2
            x, y = (F.avg_pool2d(v, 2, padding=odd) for v in (x, y))
    return out.mean(1)


def _ssim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast and structure terms alone, each the mean over positions, (B, C).

    SSIM is eq. 13 of Wang et al. 2004; the product of its terms c and s is written as one fraction there.
    """
    mean_x, mean_y = _blur(x), _blur(y)
    xx, yy, xy = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2, _blur(x * y) - mean_x * mean_y
    contrast = (2 * xy + _C2) / (xx + yy + _C2)
    similarity = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1) * contrast
    return similarity.flatten(2).mean(2), contrast.flatten(2).mean(2)


def _blur(x: Tensor) -> Tensor:
    """The mean under a Gaussian window at every position where it fits, rows first, then columns."""
    channels = x.shape[1]
    for axis in (2, 3):
        size = min(_WINDOW, x.shape[axis])
        place = torch.arange(size, dtype=x.dtype, device=x.device) - (size - 1) / 2
        kernel = torch.exp(-(place**2) / (2 * _SIGMA**2))
        shape = [channels, 1, 1, 1]
        shape[axis] = size
        x = F.conv2d(x, (kernel / kernel.sum()).reshape([1, 1, *shape[2:]]).expand(shape), groups=channels)
    return x
