"""Convolutions by minimal filtering are convolutions."""

import pytest
import torch
import torch.nn.functional as F

from hvaecodec.models.winograd import Filter, Patches


@pytest.mark.parametrize(("rows", "columns", "channels"), [(1, 1, 3), (2, 5, 16), (3, 2, 96)])
def test_it_is_the_convolution(rows, columns, channels):
    torch.manual_seed(0)
    weight, patches = torch.randn(channels, channels, 3, 3), Patches(rows, columns, channels)
    patches.input.normal_()
    expected = F.conv2d(patches.input.permute(2, 0, 1)[None].double(), weight.double())[0].permute(1, 2, 0)
    for _ in range(2):  # the room is used again
        ours = patches.convolve(Filter(weight)).reshape(expected.shape)
        torch.testing.assert_close(ours.double(), expected, rtol=0, atol=3e-5 * float(expected.abs().max()))
