"""Gaussian latents."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.latents import standard_noise


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_noise_has_the_layout_of_what_it_is_for_and_the_generators_values(layout: torch.memory_format) -> None:
    like = torch.empty(2, 3, 4, 5).to(memory_format=layout)

    noise = standard_noise(like, torch.Generator().manual_seed(1))

    assert noise.stride() == like.stride()
    assert torch.equal(noise, torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1)))
