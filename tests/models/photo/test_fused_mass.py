"""The mass with its gradient written out is that of its parts."""

from __future__ import annotations

import torch

from hvaecodec.models.photo.bit_counter import log2_mass
from hvaecodec.models.photo.fused_mass import fused_log2_mass


def mass_and_gradients(function) -> list[torch.Tensor]:
    """Values and both gradients, in float64, for residuals up to 60 and scales from 1/20 to 300."""
    residual = torch.linspace(-60, 60, 241, dtype=torch.float64)[:, None].repeat(1, 40).requires_grad_()
    scale = torch.logspace(-1.3, 2.5, 40, dtype=torch.float64).repeat(241, 1).requires_grad_()
    values = function(residual, scale)
    (values * torch.cos(residual.detach())).sum().backward()
    return [values.detach(), residual.grad, scale.grad]


def test_values_and_gradients_are_those_of_the_parts() -> None:
    for fused, parts in zip(mass_and_gradients(fused_log2_mass), mass_and_gradients(log2_mass), strict=True):
        assert torch.isfinite(fused).all()
        torch.testing.assert_close(fused, parts, rtol=1e-8, atol=1e-8)
