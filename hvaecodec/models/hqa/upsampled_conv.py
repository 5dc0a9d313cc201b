"""A convolution of an enlarged grid, computed on the grid as it was."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class UpsampledConv(nn.Conv2d):
    """Repeats every value of a grid 2 x 2 and convolves the result 3 x 3, with zeros around it; the grid doubles.

    Its weights are those of the 3 x 3 convolution. Each 2 x 2 square of outputs sees no more than 3 x 3 different
    values, so that the same numbers come, up to rounding, of a transposed convolution 4 x 4 of stride 2: 16
    multiplications of a value with a weight in the place of 36.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        """Make a convolution from `inputs` channels to `outputs`, with random weights as those of `nn.Conv2d`."""
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, h, w) to (B, outputs, 2 h, 2 w)."""
        return F.conv_transpose2d(x, spread_kernel(self.weight), self.bias, stride=2, padding=1)


def spread_kernel(weight: Tensor) -> Tensor:
    """Return what a value adds to the 4 x 4 outputs around it, (inputs, outputs, 4, 4), of weights (O, I, 3, 3).

    A value stands at 2 x 2 places of the enlarged grid, and each of these adds the mirrored kernel around itself.
    """
    padded = F.pad(weight.flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
    rows = padded[..., :-1, :] + padded[..., 1:, :]
    return rows[..., :-1] + rows[..., 1:]
