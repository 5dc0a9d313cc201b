"""The mid-tread variable-rate quantiser of the DCT context: quality to step size, coefficients to symbols."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS_PER_QUALITY = 8
N_INDICES = 99 * STEPS_PER_QUALITY + 1  # quality 1..100
COARSEST, FINEST = 320.0, 4.0  # step sizes at quality 1 and 100, in 8-bit grey levels of an orthonormal DCT


def step_index(quality: float) -> int:
    """The u16 that a file stores for a quality in 1..100; ValueError outside."""
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must lie in 1..100, got {quality}")
    return round((quality - 1) * STEPS_PER_QUALITY)


def quality_of(index: int) -> float:
    """The quality a step index stands for."""
    return 1 + index / STEPS_PER_QUALITY


def step_table() -> Tensor:
    """Step size of every index, (793,) float32: geometric from 320 to 4."""
    exponent = torch.arange(N_INDICES, dtype=torch.float64) / (N_INDICES - 1)
    return (COARSEST * (FINEST / COARSEST) ** exponent).float()


def frequency_weights() -> Tensor:
    """S, (3, 32, 32) float32: relative step of each channel and frequency.

    A smooth fit to the steps that minimise mean squared RGB error plus rate under a static entropy coder on training
    photos halved in size (so that their chroma is whole), over step sizes 6..25: luma rises to 1.3 towards fine
    detail, Cb to 1.6, Cr from 1.1 to 1.8. The conditional prior and the rate-distortion search do the rest.
    """
    n = torch.arange(32, dtype=torch.float32)
    radius = (n[:, None] ** 2 + n[None] ** 2).sqrt()
    luma = 1 + 0.3 * (radius / 32).clamp(max=1) ** 1.5
    blue = 1 + 0.6 * (radius / 20).clamp(max=1) ** 1.5
    red = 1.1 + 0.7 * (radius / 20).clamp(max=1)
    return torch.stack([luma, blue, red])


def rate_position(index: Tensor) -> Tensor:
    """Where a step index stands between quality 1 (0.0) and 100 (1.0)."""
    return index / (N_INDICES - 1)


def quantise(coefficients: Tensor, delta: Tensor, weights: Tensor) -> Tensor:
    """Symbols of (B, 3, 32, 32, h, w) coefficients: plain rounding to multiples of delta * S. delta: (B,)."""
    return torch.round(coefficients / _steps(delta, weights))


def dequantise(symbols: Tensor, delta: Tensor, weights: Tensor) -> Tensor:
    """Coefficients in the middle of the symbols' bins."""
    return symbols * _steps(delta, weights)


def _steps(delta: Tensor, weights: Tensor) -> Tensor:
    return delta.view(-1, 1, 1, 1, 1, 1) * weights[None, :, :, :, None, None]
