"""Measures what several validation loops need."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr_db(x_hat: Tensor, x: Tensor) -> float:
    """Return the mean over pictures of their PSNR in dB, peak 255, with `x_hat` rounded to whole grey levels.

    Both are float (B, C, H, W) in 0..255.
    """
    mse = ((x_hat.round().clamp(0, 255) - x) ** 2).flatten(1).mean(1)
    return float((10 * torch.log10(255**2 / mse.clamp_min(1e-6))).mean())
