"""MS-SSIM32: multi-scale SSIM for pictures too small for the standard five scales.

As arXiv's MS-SSIM (Wang 2003): five levels, weights 0.0448 .. 0.1333, Gaussian window with sigma 1.5, valid positions
only; the window is min(11, side) wide at each level. From 161 pixels a side on it equals the standard.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ms_ssim32(x: Tensor, y: Tensor) -> Tensor:
    """(B,) of pictures (B, C, H, W) in 0..1, mean over the channels."""
    out = torch.ones(x.shape[:2], device=x.device, dtype=torch.float64)
    x, y = x.double(), y.double()
    for level, weight in enumerate(_WEIGHTS):
        similarity, contrast = _ssim(x, y)
        last = level == len(_WEIGHTS) - 1
        out = out * (similarity if last else contrast).clamp_min(0) ** weight
        if not last:
            odd = x.shape[-2] % 2, x.shape[-1] % 2
            x, y = (F.avg_pool2d(v, 2, padding=odd) for v in (x, y))
    return out.mean(1)


def _ssim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast and structure terms alone, mean over positions, (B, C) each."""
    mean_x, mean_y = _blur(x), _blur(y)
    xx, yy, xy = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2, _blur(x * y) - mean_x * mean_y
    contrast = (2 * xy + _C2) / (xx + yy + _C2)
    similarity = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1) * contrast
    return similarity.flatten(2).mean(2), contrast.flatten(2).mean(2)


def _blur(x: Tensor) -> Tensor:
    channels = x.shape[1]
    for axis in (2, 3):
        size = min(_WINDOW, x.shape[axis])
        place = torch.arange(size, dtype=x.dtype, device=x.device) - (size - 1) / 2
        kernel = torch.exp(-(place**2) / (2 * _SIGMA**2))
        shape = [channels, 1, 1, 1]
        shape[axis] = size
        x = F.conv2d(x, (kernel / kernel.sum()).reshape([1, 1, *shape[2:]]).expand(shape), groups=channels)
    return x
