"""The generator over tiles of different DCT blocks: it sees where blocks begin and end, and takes a picture's offsets.

The net of `generator` with two more inputs. *Shape maps* say at every scale from 1/16 up which shape covers a cell and
which of the cell's sides are edges of a block. *Offsets* are added to the gain and the shift of every channel of every
block; at zero, the default, the net is itself, and what a file may change of it later goes in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.latents import kl_gaussian
from hvaecodec.models.likelihoods import logistic_nll
from hvaecodec.models.photo.block_shapes import HALF, SHAPES
from hvaecodec.models.photo.generator import Draw, Generator, GeneratorConfig, Scale, ScaleConfig, rate_features
from hvaecodec.models.rate_block import Block

COARSEST_FOLD = HALF  # the scale whose cells are quadrants
MAPS = 2 * (len(SHAPES) + 4)  # channels of a shape map: luma's, then chroma's

BLOCK_SCALES = (
    ScaleConfig(32, 96, 1, 8),
    ScaleConfig(16, 128, 3, 8),
    ScaleConfig(8, 160, 6, 8),
    ScaleConfig(4, 96, 6, 6, context_side=3),
    ScaleConfig(2, 32, 1, 3, context_side=3),
)


@dataclass(frozen=True)
class BlockGeneratorConfig(GeneratorConfig):
    """The widths are those of the generator of undivided tiles, with 1.4 times its multiplications in deeper scales."""

    scales: tuple[ScaleConfig, ...] = BLOCK_SCALES


def shape_maps(shapes: Tensor, fold: int) -> Tensor:
    """Return what cells of `fold` pixels know of maps (B, 2, 2 h, 2 w), float32 zeros and ones.

    They are (B, 22, 32 h / fold, 32 w / fold); for luma, then for chroma: the shape that covers the cell, one of seven;
    whether its upper, lower, left and right sides are edges of a block.
    """
    cells = HALF // fold
    spread = shapes.repeat_interleave(cells, 2).repeat_interleave(cells, 3)
    sides = torch.tensor([[max(1, side // fold) for side in (shape.rows, shape.columns)] for shape in SHAPES])
    high, wide = sides.to(shapes.device)[spread].unbind(-1)  # of the block, in cells; blocks lie at multiples of it
    y = torch.arange(spread.shape[2], device=shapes.device)[:, None] % high
    x = torch.arange(spread.shape[3], device=shapes.device) % wide
    edges = torch.stack([y == 0, y == high - 1, x == 0, x == wide - 1], 2)
    one_hot = F.one_hot(spread, len(SHAPES)).permute(0, 1, 4, 2, 3)
    return torch.cat([one_hot.float(), edges.float()], 2).flatten(1, 2)


class OffsetBlock(Block):
    """`generator.Block` whose gain and shift take offsets, (B or 1, 2 width) or None for zero."""

    def forward(self, h: Tensor, rate: Tensor, offset: Tensor | None = None) -> Tensor:
        """Refine a state (B, width, rows, columns) at a rate (B, 8)."""
        moved = self.rate(rate) if offset is None else self.rate(rate) + offset
        gain, shift = moved[:, :, None, None].chunk(2, 1)
        y = self.conv(F.silu(h))
        return h + self.mix(F.silu(y * (1 + gain) + shift))


class BlockScale(Scale):
    """`generator.Scale` that sees the shape maps, where cells are no larger than quadrants."""

    def __init__(self, config: ScaleConfig, above: int, encoder: int, latents: bool) -> None:
        super().__init__(config, above, encoder, latents)
        self.blocks = nn.ModuleList(OffsetBlock(config.width) for _ in range(config.blocks))
        self.shape = nn.Conv2d(MAPS, config.width, 1, bias=False) if config.fold <= COARSEST_FOLD else None
        if self.shape is not None:
            nn.init.zeros_(self.shape.weight)

    @property
    def offsets(self) -> int:
        """How many offsets the blocks take."""
        return 2 * self.config.width * self.config.blocks

    def begin(self, h: Tensor | None, picture: Tensor, rate: Tensor, shapes: Tensor) -> Tensor:
        """Return the state before the latent; see `Scale.state`. shapes: int64 (B, 2, 2 h, 2 w)."""
        new = self.state(h, picture, rate)
        return new if self.shape is None else new + self.shape(shape_maps(shapes, self.config.fold))

    def end(self, h: Tensor, z: Tensor | None, rate: Tensor, offsets: Tensor | None) -> Tensor:
        """Return the state after the latent and the blocks. offsets: (B or 1, self.offsets), None for zero."""
        if z is not None:
            h = h + self.project(z.to(h.dtype))
        parts = [None] * len(self.blocks) if offsets is None else offsets.chunk(len(self.blocks), 1)
        for block, part in zip(self.blocks, parts, strict=True):
            h = block(h, rate, part)
        return h


class BlockGenerator(Generator):
    """`generator.Generator` with shape maps and offsets."""

    def __init__(self, config: BlockGeneratorConfig | None = None) -> None:
        config = config or BlockGeneratorConfig()
        super().__init__(config)
        above = [0, *(scale.width for scale in config.scales)]
        self.scales = nn.ModuleList(
            BlockScale(scale, width, config.encoder, config.latents)
            for scale, width in zip(config.scales, above[:-1], strict=True)
        )
        self.to(memory_format=torch.channels_last)

    @property
    def offsets(self) -> int:
        """How many offsets the net takes: a gain and a shift of every channel of every block, scale by scale."""
        return sum(scale.offsets for scale in self.scales if isinstance(scale, BlockScale))

    def forward(  # type: ignore[override]
        self,
        dequantised: Tensor,
        shapes: Tensor,
        step_index: Tensor,
        draw: Draw | None = None,
        offsets: Tensor | None = None,
    ) -> Tensor:
        """Return pictures (B, 3, H, W), RGB 0..255 unclipped, float32, from dequantised ones of the same shape.

        Sides are multiples of 32. shapes: int64 (B, 2, H / 16, W / 16). step_index: (B,). draw: gives the latents; None
        takes their prior means. offsets: (B or 1, self.offsets), None for zero.
        """
        picture = self._enter(dequantised)
        rate = rate_features(step_index)
        parts = [None] * len(self.scales)
        if offsets is not None:
            parts = list(offsets.split([scale.offsets for scale in self.scales], 1))
        h: Any = None
        quarter: Any = None
        for number, (scale, part) in enumerate(zip(self.scales, parts, strict=True)):
            h = scale.begin(h, picture, rate, shapes)
            z = None
            if scale.latent:
                mean, log_sigma = scale.prior_of(h)
                z = mean if draw is None else draw(number, mean, log_sigma)
            h = scale.end(h, z, rate, part)
            quarter = h if scale.config.fold == 4 else quarter
        return self._leave(dequantised, quarter, h)

    def train_step(  # type: ignore[override]
        self, x: Tensor, dequantised: Tensor, shapes: Tensor, step_index: Tensor, n_elbo: int
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Run both paths in one pass, as `generator.Generator.train_step` does, under maps of shapes."""
        picture = self._enter(dequantised)
        rate = rate_features(step_index)
        k = len(x) - n_elbo
        features = self.encoder(self._enter(x[k:]), picture[k:], rate[k:]) if self.encoder is not None else None
        h: Any = None
        quarter: Any = None
        kls: list[Tensor] = []
        for number, scale in enumerate(self.scales):
            h = scale.begin(h, picture, rate, shapes)
            z = None
            if features is not None:
                mean, log_sigma = scale.prior_of(h)
                p = mean[k:], log_sigma[k:]
                q = scale.posterior_of(h[k:], features[number], *p)
                sample = q[0] + q[1].exp() * torch.randn_like(q[0])
                z = torch.cat([mean[:k], sample])
                kls.append(kl_gaussian(q, p).flatten(1).sum(1))
            h = scale.end(h, z, rate, None)
            quarter = h if scale.config.fold == 4 else quarter
        out = self._leave(dequantised, quarter, h)
        log_scale = F.pixel_shuffle(self.spread(h[k:]), 2).float() + 0.8
        nll = logistic_nll(x[k:].float(), out[k:], log_scale.clamp(-3, 5)).flatten(1).mean(1)
        return out, nll, kls


def grow(net: BlockGenerator, weights: dict[str, Tensor]) -> list[str]:
    """Put the weights of a shallower generator into a net and return the names of those that it lacks.

    What it lacks changes nothing at first. Raises ValueError where a weight that both have differs in shape.
    """
    own = net.state_dict()
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            raise ValueError(f"{name} does not fit this net")
        own[name] = value.float()
    missing = [name for name in own if name not in weights]
    for name in missing:
        if ".mix." in name:
            own[name] = torch.zeros_like(own[name])
    net.load_state_dict(own)
    return missing
