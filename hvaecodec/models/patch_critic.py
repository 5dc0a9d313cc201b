"""Textures are trained against this critic: it judges whether a patch is a photo's, beside what it was made from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from hvaecodec.models.rate_features import GREY_SCALE

_SLOPE = 0.2  # of the leaky ReLU below zero


class PatchCritic(nn.Module):
    """The net scores overlapping patches, 46 pixels wide and 4 apart; it sees the smooth picture beside the judged one.

    It is a Markovian discriminator (arXiv:1611.07004, section 3.2) with spectral normalisation (arXiv:1802.05957).
    """

    def __init__(self, width: int = 48) -> None:
        """Make a net with random weights; width: channels of its first layer, half of those of the others."""
        super().__init__()
        sizes = [(24, width, 1), (width, 2 * width, 2), (2 * width, 2 * width, 1), (2 * width, 2 * width, 1)]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(inputs, outputs, 3, stride, 1)) for inputs, outputs, stride in sizes
        )
        self.last = spectral_norm(nn.Conv2d(2 * width, 1, 3, padding=1))
        self.to(memory_format=torch.channels_last)

    def forward(self, picture: Tensor, smooth: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return scores (B, 1, H / 4, W / 4), high for photos, and the features of every layer.

        picture: what is judged; smooth: what it was made from; both RGB in 0..255, (B, 3, H, W).
        """
        x = torch.cat([picture - 128, 2 * (picture - smooth)], 1) / GREY_SCALE
        h = F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        features = []
        for conv in self.convs:
            h = F.leaky_relu(conv(h), _SLOPE)
            features.append(h)
        return self.last(h).float(), features
