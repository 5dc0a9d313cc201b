"""Gaussian latents."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.latents import Gaussian, standard_noise, summed


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_noise_has_the_layout_of_what_it_is_for_and_the_generators_values(layout: torch.memory_format) -> None:
    like = torch.empty(2, 3, 4, 5).to(memory_format=layout)

    noise = standard_noise(like, torch.Generator().manual_seed(1))

    assert noise.stride() == like.stride()
    assert torch.equal(noise, torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_a_divergence_has_the_layout_of_what_diverges(layout: torch.memory_format) -> None:
    """Products with the gradient of a plain sum, which has no strides, have the default layout."""
    noise = torch.randn(4, 2, 3, 4, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    numbers = [part.contiguous(memory_format=layout) for part in noise]
    strides: list[tuple[int, ...]] = []
    for number in numbers:
        number.register_hook(lambda grad: strides.append(grad.stride()))
    q, p = Gaussian(*numbers[:2]), Gaussian(*numbers[2:])

    total = summed(q.kl(p))
    total.sum().backward()

    assert strides == [numbers[0].stride()] * 4
    torch.testing.assert_close(total, q.kl(p).sum((1, 2, 3)))
