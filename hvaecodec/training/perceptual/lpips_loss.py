"""LPIPS (AlexNet) as a loss: at two sizes, and seen from another place at every step."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.codec.metric_nets.lpips_net import load_lpips
from hvaecodec.training.place import Place

STRIDE = 4  # of the network's first convolution
MIRRORED = 16  # pixels that are added to a picture on each side
SHRUNK = (0.5, 0.75)  # least and greatest size of the shrunk pictures


class LpipsLoss:
    """Measures how far pictures are from photos, batch by batch.

    The network looks at every fourth pixel's surroundings, and pads pictures with zeros. If it always saw the same, a
    mesh of four pixels could hide between what it looks at, and fringes at a picture's edges. So both pictures are
    mirrored outwards, and then cut and shrunk by numbers that are drawn each time; such transformations make it hard
    to please the network without pleasing the eye (Kettunen et al. 2019, E-LPIPS, arXiv:1906.03973).

    Raises CodecUnavailable without its library or weights, see docs/METRICS.md.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.net = copy.deepcopy(load_lpips("alex")).to(place.device, memory_format=torch.channels_last)

    def __call__(self, photo: Tensor, picture: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the means over a batch of LPIPS at full size and at a smaller one, which is drawn from `SHRUNK`.

        Both are RGB in 0..255, (B, 3, H, W), with sides above `MIRRORED`.
        """
        mirrored = [F.pad(x, (MIRRORED,) * 4, mode="reflect") for x in (photo, picture)]
        top, left = torch.randint(STRIDE, (2,), generator=rng).tolist()
        least, greatest = SHRUNK
        size = least + (greatest - least) * float(torch.rand((), generator=rng))
        return self.plain(*(_cut(x, top, left) for x in mirrored)), self.plain(*(_shrunk(x, size) for x in mirrored))

    def plain(self, photo: Tensor, picture: Tensor) -> Tensor:
        """Return the mean over a batch of LPIPS, as a metric measures it. Both are RGB in 0..255, (B, 3, H, W)."""
        both = ((x / 127.5 - 1).contiguous(memory_format=torch.channels_last) for x in (photo, picture.clamp(-20, 275)))
        with self.place.autocast():
            distance: Tensor = self.net(*both).float().mean()
        return distance


def _cut(x: Tensor, top: int, left: int) -> Tensor:
    return x[:, :, top : x.shape[2] - STRIDE + top, left : x.shape[3] - STRIDE + left]


def _shrunk(x: Tensor, size: float) -> Tensor:
    height, width = (round(size * side) for side in x.shape[2:])
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True)
