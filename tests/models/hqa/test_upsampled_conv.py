"""`UpsampledConv` is the convolution of the enlarged grid: values, gradients, and the names of its weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.hqa.stack import LayerConfig, decoder
from hvaecodec.models.hqa.upsampled_conv import UpsampledConv


def plainly(net: UpsampledConv, x: Tensor) -> Tensor:
    """What it says that it computes."""
    return F.conv2d(F.interpolate(x, scale_factor=2), net.weight, net.bias, padding=1)


@pytest.mark.parametrize("grid", [(1, 1), (1, 4), (5, 3), (8, 8)])
@pytest.mark.parametrize("channels", [(2, 3), (5, 1)])
def test_values_and_gradients_are_those_of_the_enlarged_grid(grid, channels):
    torch.manual_seed(0)
    net, x = UpsampledConv(*channels).double(), torch.randn(2, channels[0], *grid, dtype=torch.float64)
    inputs = [x.requires_grad_(True), net.weight, net.bias]
    expected, out = plainly(net, x), net(x)
    torch.testing.assert_close(out, expected)
    towards = torch.randn_like(out)
    for mine, its in zip(
        torch.autograd.grad(out, inputs, towards), torch.autograd.grad(expected, inputs, towards), strict=True
    ):
        torch.testing.assert_close(mine, its)


def test_a_value_in_float32_is_as_near_as_rounding_lets_it_be():
    torch.manual_seed(0)
    net, x = UpsampledConv(64, 32), torch.randn(1, 64, 12, 20)
    torch.testing.assert_close(net(x), plainly(net, x), rtol=0, atol=1e-5)


def test_weights_have_the_names_that_files_have():
    """With blocks and without; a file of weights is older than the way it is computed."""
    assert list(decoder(LayerConfig(3, 4, 8)).state_dict())[2:4] == ["3.weight", "3.bias"]
    assert list(decoder(LayerConfig(3, 4, 8, blocks=1)).state_dict())[6:8] == ["4.weight", "4.bias"]
    assert list(decoder(LayerConfig(3, 4, 8, stride=1)).state_dict())[2:4] == ["2.weight", "2.bias"]
