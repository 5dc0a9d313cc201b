"""LPIPS (AlexNet) as a loss: at two sizes, and under a new shift at every step."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.codec.metric_nets.lpips_net import load_lpips
from hvaecodec.training.place import Place

STRIDE = 4  # of the network's first convolution


class LpipsLoss:
    """Measures how far pictures are from photos, batch by batch.

    The network looks at every fourth pixel's surroundings. If these were always the same pixels, a mesh of that width
    could hide between them; so the pictures are cut at another place each time.

    Raises CodecUnavailable without its library or weights, see docs/METRICS.md.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.net = copy.deepcopy(load_lpips("alex")).to(place.device, memory_format=torch.channels_last)

    def __call__(self, photo: Tensor, picture: Tensor, shift: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the means over a batch of LPIPS at full and at half size.

        Both are RGB in 0..255, (B, 3, H, W). shift: rows and columns to cut off above and left, under `STRIDE`.
        """
        return self._mean(*(_cut(x, shift) for x in (photo, picture))), self._mean(
            *(F.avg_pool2d(x, 2) for x in (photo, picture))
        )

    def _mean(self, photo: Tensor, picture: Tensor) -> Tensor:
        both = ((x / 127.5 - 1).contiguous(memory_format=torch.channels_last) for x in (photo, picture.clamp(-20, 275)))
        with self.place.autocast():
            distance: Tensor = self.net(*both).float().mean()
        return distance


def _cut(x: Tensor, shift: tuple[int, int]) -> Tensor:
    top, left = shift
    return x[:, :, top : x.shape[2] - STRIDE + top, left : x.shape[3] - STRIDE + left]
