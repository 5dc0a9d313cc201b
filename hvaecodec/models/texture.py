"""A texture is what a picture of least distortion lacks; it is drawn as a sample and added to the picture.

A decoder that is trained on squared error gives the mean of what a file leaves open, and that is smooth. A small net
puts back one of the things that were averaged. It is trained against a critic of patches (`patch_critic`), as in HiFiC
(arXiv:2006.09965) and ILLM (arXiv:2301.11189) but without a pretrained net, and leaves the picture under it untouched:
at temperature T the picture is the smooth one plus T times the texture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.rate_block import Block
from hvaecodec.models.rate_features import GREY_SCALE, HATS
from hvaecodec.models.texture_config import FIRST_NOISE, TextureConfig

# From (latent number, channels, the picture's side over that of the map) to standard normal numbers (B, C, h, w).
Noise = Callable[[int, int, int], Tensor]


class Texture(nn.Module):
    """This net makes of a smooth picture, the features of its rate and noise what is to be added to the picture."""

    def __init__(self, config: TextureConfig | None = None) -> None:
        """Make a net with random weights that adds nearly nothing; None takes the default sizes."""
        super().__init__()
        self.config = c = config or TextureConfig()
        self.into_quarter = nn.Conv2d(48 + c.noise, c.quarter, 1)
        self.at_quarter = nn.ModuleList(Block(c.quarter) for _ in range(c.quarter_blocks))
        self.up = nn.Conv2d(c.quarter, 4 * c.half, 1)
        self.into_half = nn.Conv2d(12 + c.noise, c.half, 3, padding=1)
        self.at_half = nn.ModuleList(Block(c.half) for _ in range(c.half_blocks))
        self.out = nn.Conv2d(c.half, 12, 3, padding=1)
        self.gain = nn.Linear(HATS, 12)  # how strong it is at a rate
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.gain.weight)
        nn.init.ones_(self.gain.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, picture: Tensor, rate: Tensor, noise: Noise) -> Tensor:
        """Return the texture in grey levels, float32 (B, 3, H, W), of a picture of the same shape, RGB in 0..255.

        H and W are multiples of `FOLD`. rate: (B, 8), `generator.rate_features` or `layer_features`. noise: gives the
        maps of noise.
        """
        x = ((picture - 128) / GREY_SCALE).contiguous(memory_format=torch.channels_last)
        n = self.config.noise
        h = self.into_quarter(torch.cat([F.pixel_unshuffle(x, 4), noise(FIRST_NOISE, n, 4)], 1))
        for block in self.at_quarter:
            h = block(h, rate)
        h = F.pixel_shuffle(self.up(h), 2) + self.into_half(
            torch.cat([F.pixel_unshuffle(x, 2), noise(FIRST_NOISE + 1, n, 2)], 1)
        )
        for block in self.at_half:
            h = block(h, rate)
        change = self.out(F.silu(h)) * self.gain(rate)[:, :, None, None]
        return GREY_SCALE * F.pixel_shuffle(change, 2).float()

    @torch.no_grad()
    def weaken(self, strength: float) -> None:
        """Multiply the texture at every rate by `strength`, for good."""
        self.gain.weight.mul_(strength)
        self.gain.bias.mul_(strength)


def layer_features(layer: int, n_layers: int) -> Tensor:
    """Return the features of a layer of `hqa-photo`, (1, 8), as `generator.rate_features` does of a step index.

    They are 8 hat functions over the layers: layer 1, the finest, is at the last one, layer n_layers at the first.
    """
    position = (HATS - 1) * (n_layers - layer) / max(1, n_layers - 1)
    return (1 - (position - torch.arange(HATS, dtype=torch.float32)).abs()).clamp_min(0)[None]
