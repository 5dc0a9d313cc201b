"""The mass with its gradient written out is that of its parts."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from hvaecodec.models.photo.fused_mass import fused_log2_mass


def log2_mass(residual: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The same in parts, for autograd."""
    inverse = 1 / scale
    a = (residual.abs() - 0.5) * inverse
    nats = -a + torch.log(-torch.expm1(-inverse)) - F.softplus(-a) - F.softplus(-a - inverse)
    return nats * 1.4426950408889634


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
