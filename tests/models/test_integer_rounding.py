"""Training towards integers: the straight-through estimator."""

from __future__ import annotations

import torch

from hvaecodec.models.integer_rounding import straight


def test_values_are_the_targets_to_the_bit_and_gradients_the_values() -> None:
    torch.manual_seed(0)
    value = (100 * torch.randn(1000)).requires_grad_()
    target = torch.round(value.detach() * 0.7) / 0.7
    result = straight(value, target)
    assert torch.equal(result, target)
    weight = torch.randn(1000)
    (result * weight).sum().backward()
    assert torch.equal(value.grad, weight)
