"""These nets are DenseNet blocks with channel attention and weight-normalised convolutions that start from data.

They are those of "Super-resolution Variational Auto-Encoders" (arXiv:2006.05218, appendix A.2, figure 4, and the
authors' released layers); DenseNets are arXiv:1608.06993, channel attention arXiv:1807.02758, weight normalisation
arXiv:1602.07868.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_DIRECTION_DEVIATION = 0.05  # standard deviation of the first directions v
_OUTPUT_DEVIATION = 0.01  # standard deviation of every output on the first batch
_REDUCTION = 8  # how many times fewer channels there are within the attention


@dataclass(frozen=True)
class Dense:
    """This says how large a net of dense layers is.

    growth: channels that a step adds, at the encoder's first and the decoder's first resolution. steps: in a layer.
    layers: of a net that keeps its resolution.
    """

    growth: int
    steps: int
    layers: int = 1


class Conv(nn.Module):
    """The weight of this convolution is gain · v / |v| for each output: arXiv:1602.07868, section 2."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, up: bool = False) -> None:
        """Make a convolution with random weights; kernel: 1 or 3; up: transposed, so that it doubles the picture."""
        super().__init__()
        self.stride, self.up, self.starting = stride, up, False
        shape = (inputs, outputs, kernel, kernel) if up else (outputs, inputs, kernel, kernel)
        self.v = nn.Parameter(_DIRECTION_DEVIATION * torch.randn(shape))
        self.gain = nn.Parameter(torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, h, w) to (B, outputs, ...); within `started_by` set gain and bias by x before."""
        if self.starting:
            self._start(x)
        return self._convolve(x)

    def _convolve(self, x: Tensor) -> Tensor:
        own = 1 if self.up else 0
        others = [axis for axis in range(4) if axis != own]
        gain = self.gain[None, :, None, None] if self.up else self.gain[:, None, None, None]
        weight = gain * self.v / torch.linalg.vector_norm(self.v, dim=others, keepdim=True)
        pad = weight.shape[-1] // 2
        if self.up:
            return F.conv_transpose2d(x, weight, self.bias, 2, pad, output_padding=1)
        return F.conv2d(x, weight, self.bias, self.stride, pad)

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        """Set gain and bias so that every output has mean 0 and deviation 0.01 on x: arXiv:1602.07868, section 3."""
        self.gain.fill_(1)
        self.bias.zero_()
        y = self._convolve(x).float()
        scale = _OUTPUT_DEVIATION / torch.sqrt(y.var((0, 2, 3), unbiased=False) + 1e-8)
        self.gain.copy_(scale)
        self.bias.copy_(-y.mean((0, 2, 3)) * scale)


@contextlib.contextmanager
def started_by(net: nn.Module) -> Iterator[None]:
    """Let every `Conv` of the net start from the data that goes through it within; for the first batch of a new net."""
    convs = [module for module in net.modules() if isinstance(module, Conv)]
    for conv in convs:
        conv.starting = True
    try:
        yield
    finally:
        for conv in convs:
            conv.starting = False


class DenseLayer(nn.Module):
    """The steps of a dense layer each add `growth` channels; attention to channels follows.

    outputs: channels in the end. The layer is as released: no activation within a step, and ELU over all channels after
    it, so that old ones pass it again.
    """

    def __init__(self, inputs: int, growth: int, steps: int) -> None:
        """Make a layer with random weights."""
        super().__init__()
        widths = [inputs + growth * step for step in range(steps)]
        self.narrow = nn.ModuleList(Conv(width, 4 * growth, 1) for width in widths)
        self.wide = nn.ModuleList(Conv(4 * growth, growth, 3) for _ in widths)
        self.outputs = inputs + growth * steps
        fewer = max(1, self.outputs // _REDUCTION)
        self.squeeze, self.excite = Conv(self.outputs, fewer, 1), Conv(fewer, self.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, h, w) to (B, outputs, h, w)."""
        for narrow, wide in zip(self.narrow, self.wide, strict=True):
            x = F.elu(torch.cat([x, wide(narrow(x))], 1))
        return x * torch.sigmoid(self.excite(self.squeeze(x.mean((2, 3), keepdim=True))))


def encoder(inputs: int, outputs: int, dense: Dense, halvings: int) -> nn.Sequential:
    """Make a net from (B, inputs, H, W) to (B, outputs, h, w), smaller by `halvings` halvings.

    A halving is a dense layer and a strided convolution that doubles the channels; growth doubles too. A dense layer
    and a 1x1 convolution follow.
    """
    layers: list[nn.Module] = []
    channels, growth = inputs, dense.growth
    for _ in range(halvings):
        layers.append(DenseLayer(channels, growth, dense.steps))
        channels = 2 * (channels + growth * dense.steps)
        layers.append(Conv(channels // 2, channels, 3, stride=2))
        growth *= 2
    layers.append(DenseLayer(channels, growth, dense.steps))
    return nn.Sequential(*layers, Conv(channels + growth * dense.steps, outputs, 1))


def decoder(inputs: int, outputs: int, dense: Dense, doublings: int) -> nn.Sequential:
    """Make a net from (B, inputs, h, w) to (B, outputs, H, W), larger by `doublings` doublings.

    A doubling is a dense layer and a transposed convolution that halves the channels; growth halves too. A 3x3
    convolution follows.
    """
    layers: list[nn.Module] = []
    channels, growth = inputs, dense.growth
    for _ in range(doublings):
        layers.append(DenseLayer(channels, growth, dense.steps))
        channels += growth * dense.steps
        layers.append(Conv(channels, channels // 2, 3, up=True))
        channels, growth = channels // 2, growth // 2
    return nn.Sequential(*layers, Conv(channels, outputs, 3))


def plain(inputs: int, outputs: int, dense: Dense) -> nn.Sequential:
    """Make a net of dense layers at one resolution, (B, inputs, h, w) to (B, outputs, h, w), and a 1x1 convolution."""
    layers: list[nn.Module] = []
    channels = inputs
    for _ in range(dense.layers):
        layers.append(DenseLayer(channels, dense.growth, dense.steps))
        channels += dense.growth * dense.steps
    return nn.Sequential(*layers, Conv(channels, outputs, 1))
