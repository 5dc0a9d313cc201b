"""The generator of `dct-vae-photo`: a fully convolutional top-down VAE under the decoded DCT context.

VDVAE blocks (arXiv:2011.10650, section 3; with the context at every scale as in arXiv:2302.09976, section 4): a state
runs from 1/32 of the picture's side to 1/2; at every scale it receives the dequantised picture, folded to that scale,
and one latent z with a Gaussian prior from the state. From 1/16 up it also sees *shape maps*: which DCT block covers a
cell, and which of the cell's sides are edges of one. One set of weights serves all rates: every residual block is
shifted and scaled by features of the step index. *Offsets* are added to these gains and shifts; at zero, the default,
the net is itself, and what a file may change of it goes in here. At temperature 0 every latent is its prior mean.

Radius of the receptive field: 5 tiles (160 px), so strips with that overlap give the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.latents import kl_gaussian
from hvaecodec.models.likelihoods import logistic_nll
from hvaecodec.models.photo.generator_config import (
    COARSEST_FOLD,
    LOG_SIGMA_RANGE,
    MAPS,
    GeneratorConfig,
    ScaleConfig,
)
from hvaecodec.models.photo.layout import TILE
from hvaecodec.models.photo.quantiser import rate_position
from hvaecodec.models.photo.shape_maps import shape_maps
from hvaecodec.models.rate_block import Block, zero_bias
from hvaecodec.models.rate_features import GREY_SCALE, HATS
from hvaecodec.models.rows import Strips, in_strips


def rate_features(step_index: Tensor) -> Tensor:
    """Return the features of step indices (B,) that rates a net, (B, 8): hat functions, piecewise linear."""
    position = rate_position(step_index.float()) * (HATS - 1)
    return (1 - (position[:, None] - torch.arange(HATS, device=step_index.device)).abs()).clamp_min(0)


class Scale(nn.Module):
    """One scale of the top-down path: it takes the context, takes the latent, and refines the state.

    It sees the shape maps where cells are no larger than quadrants.
    """

    def __init__(self, config: ScaleConfig, above: int, encoder: int, latents: bool) -> None:
        super().__init__()
        self.config = config
        width, z = config.width, config.latent
        self.up = nn.Conv2d(above, 4 * width, 1) if above else None
        self.context = nn.Conv2d(3 * config.fold**2, width, config.context_side, padding=config.context_side // 2)
        self.rate = nn.Linear(HATS, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.blocks))
        self.latent = z if latents else 0
        if latents:
            self.prior = nn.Conv2d(width, 2 * z, 1)
            if encoder:
                self.posterior = nn.Sequential(
                    nn.Conv2d(width + encoder, encoder, 1), nn.SiLU(), nn.Conv2d(encoder, 2 * z, 1)
                )
            self.project = nn.Conv2d(z, width, 1)
            nn.init.zeros_(self.prior.weight)
            zero_bias(self.prior)
        self.shape = nn.Conv2d(MAPS, width, 1, bias=False) if config.fold <= COARSEST_FOLD else None
        if self.shape is not None:
            nn.init.zeros_(self.shape.weight)

    @property
    def offsets(self) -> int:
        """How many offsets the residual blocks take."""
        return 2 * self.config.width * self.config.blocks

    def state(
        self, h: Tensor | None, picture: Tensor, rate: Tensor, shapes: Tensor, *, with_mean: bool = False
    ) -> Tensor:
        """Return the state before the latent: what comes from the coarser scale plus the context at this one.

        h: the coarser state (B, above, H / 2 fold, W / 2 fold), None at the coarsest scale. picture: the dequantised
        picture (B, 3, H, W). rate: (B, 8). shapes: int64 (B, 2, H / 16, W / 16). with_mean: adds the latent's mean.
        """
        tiles, columns = picture.shape[2] // TILE, picture.shape[3] // TILE
        strips = Strips(tiles, 1, self._entry_cost * columns)
        maps = [picture, shapes] if h is None else [picture, shapes, h]
        entered = self._entered_at_mean if with_mean and self.latent else self._entered
        return in_strips(entered, strips, *maps, common=[self.rate(rate)[:, :, None, None]])

    def _entered_at_mean(self, *inputs: Tensor) -> Tensor:
        h = self._entered(*inputs)
        mean = self.project(self.prior_of(h)[0].to(h.dtype))
        return h + mean if torch.is_grad_enabled() else h.add_(mean)

    def _entered(self, rate: Tensor, picture: Tensor, shapes: Tensor, h: Tensor | None = None) -> Tensor:
        new: Tensor = self.context(F.pixel_unshuffle(picture, self.config.fold))
        new += rate  # in place, for these are the largest maps there are
        if h is not None and self.up is not None:
            new += F.pixel_shuffle(self.up(h), 2)
        return new if self.shape is None else new.add_(self.shape(shape_maps(shapes, self.config.fold)))

    @property
    def _entry_cost(self) -> int:
        """Multiplications of `_entered` for a tile; the rest of it takes as long as 400 for each value of the state."""
        layers = (layer for layer in (self.context, self.shape) if layer is not None)
        weights = sum(layer.weight.numel() for layer in layers) + (
            0 if self.up is None else self.up.weight.numel() // 4
        )
        return (weights + 400 * self.config.width) * (TILE // self.config.fold) ** 2

    def prior_of(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of p(z | state), float32, each of the latent's shape."""
        mean, log_sigma = self.prior(F.silu(h)).float().chunk(2, 1)
        return mean, log_sigma.clamp(*LOG_SIGMA_RANGE)

    def posterior_of(self, h: Tensor, features: Tensor, mean: Tensor, log_sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of q(z | x, state), both as changes of the prior's.

        features: what `Encoder` gives of x at this scale. mean, log_sigma: the prior's.
        """
        shift, narrow = self.posterior(torch.cat([F.silu(h), features], 1)).float().chunk(2, 1)
        return mean + shift * log_sigma.exp(), (log_sigma + narrow).clamp(*LOG_SIGMA_RANGE)

    def finish(self, h: Tensor, z: Tensor | None, rate: Tensor, offsets: Tensor | None) -> Tensor:
        """Add the latent, if there is one, to the state and refine it.

        offsets: (B or 1, self.offsets), None for zero.
        """
        if z is not None:
            h = h + self.project(z.to(h.dtype))
        parts = [None] * len(self.blocks) if offsets is None else offsets.chunk(len(self.blocks), 1)
        for block, part in zip(self.blocks, parts, strict=True):
            h = block(h, rate, part)
        return h


class Encoder(nn.Module):
    """The bottom-up net that gives the posterior its features of a picture and of the error of its context."""

    def __init__(self, width: int, n_scales: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(24, width, 3, padding=1)
        self.blocks = nn.ModuleList(Block(width) for _ in range(n_scales))
        self.down = nn.ModuleList(nn.Conv2d(width, width, 2, stride=2) for _ in range(n_scales - 1))

    def forward(self, picture: Tensor, dequantised: Tensor, rate: Tensor) -> list[Tensor]:
        """Return one map of features a scale, coarse to fine, of pictures and dequantised ones, (B, 3, H, W)."""
        both = torch.cat([picture, 4 * (picture - dequantised)], 1)
        h = self.stem(F.pixel_unshuffle(both, 2))
        maps = []
        for i, block in enumerate(self.blocks):
            h = block(h, rate)
            maps.append(h)
            if i < len(self.down):
                h = self.down[i](h)
        return maps[::-1]


# A latent's value from (scale number, prior mean, prior log sigma); None means the prior mean.
Draw = Callable[[int, Tensor, Tensor], Tensor]


class Generator(nn.Module):
    """Decoder p(x | context, z) with its prior p(z | context) and posterior q(z | x, context).

    basis: directions in its offsets, (64, offsets) float, none before they are measured; what a file changes of the net
    is said in them.
    """

    basis: Tensor

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GeneratorConfig()
        above = 0
        scales = []
        for scale in config.scales:
            scales.append(Scale(scale, above, config.encoder, config.latents))
            above = scale.width
        self.scales = nn.ModuleList(scales)
        quarter, half = config.scales[-2].width, config.scales[-1].width
        self.out_quarter = nn.Conv2d(quarter, 48, 3, padding=1)
        self.out_half = nn.Conv2d(half, 12, 3, padding=1)
        self.spread = nn.Conv2d(half, 12, 3, padding=1)
        self.encoder = Encoder(config.encoder, len(config.scales)) if config.latents and config.encoder else None
        for conv in (self.out_quarter, self.out_half, self.spread):
            nn.init.zeros_(conv.weight)
            zero_bias(conv)
        self.to(memory_format=torch.channels_last)
        self.register_buffer("basis", torch.zeros(0, self.offsets, dtype=torch.float32), persistent=False)

    @property
    def offsets(self) -> int:
        """How many offsets the net takes: a gain and a shift of every channel of every block, scale by scale."""
        return sum(scale.offsets for scale in self.scales if isinstance(scale, Scale))

    def forward(
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
        if torch.is_autocast_enabled(picture.device.type):  # once, not at every scale
            picture = picture.to(torch.get_autocast_dtype(picture.device.type))
        rate = rate_features(step_index)
        parts = [None] * len(self.scales)
        if offsets is not None:
            parts = list(offsets.split([scale.offsets for scale in self.scales], 1))
        h: Any = None
        quarter: Any = None
        for number, (scale, part) in enumerate(zip(self.scales, parts, strict=True)):
            h = scale.state(h, picture, rate, shapes, with_mean=draw is None)
            z = draw(number, *scale.prior_of(h)) if draw is not None and scale.latent else None
            h = scale.finish(h, z, rate, part)
            quarter = h if scale.config.fold == 4 else quarter
        return self._leave(dequantised, quarter, h)

    def train_step(
        self, x: Tensor, dequantised: Tensor, shapes: Tensor, step_index: Tensor, n_elbo: int
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Run both paths in one pass: the last `n_elbo` of a batch sample the posterior, the others have temperature 0.

        x, dequantised: (B, 3, H, W). shapes: int64 (B, 2, H / 16, W / 16). step_index: step indices (B,). Returns the
        pictures (B, 3, H, W), the negative log likelihood in nats per sample of the last `n_elbo` pictures, (n_elbo,),
        and the KL of each scale in nats summed over the picture, each (n_elbo,).
        """
        picture = self._enter(dequantised)
        rate = rate_features(step_index)
        k = len(x) - n_elbo
        features = self.encoder(self._enter(x[k:]), picture[k:], rate[k:]) if self.encoder is not None else None
        h: Any = None
        quarter: Any = None
        kls: list[Tensor] = []
        for number, scale in enumerate(self.scales):
            h = scale.state(h, picture, rate, shapes)
            z = None
            if features is not None:
                mean, log_sigma = scale.prior_of(h)
                p = mean[k:], log_sigma[k:]
                q = scale.posterior_of(h[k:], features[number], *p)
                sample = q[0] + q[1].exp() * torch.randn_like(q[0])
                z = torch.cat([mean[:k], sample])
                kls.append(kl_gaussian(q, p).flatten(1).sum(1))
            h = scale.finish(h, z, rate, None)
            quarter = h if scale.config.fold == 4 else quarter
        out = self._leave(dequantised, quarter, h)
        log_scale = F.pixel_shuffle(self.spread(h[k:]), 2).float() + 0.8
        nll = logistic_nll(x[k:].float(), out[k:], log_scale.clamp(-3, 5)).flatten(1).mean(1)
        return out, nll, kls

    def _enter(self, x: Tensor) -> Tensor:
        return ((x - 128) / GREY_SCALE).contiguous(memory_format=torch.channels_last)

    def _leave(self, dequantised: Tensor, quarter: Tensor, half: Tensor) -> Tensor:
        tiles, columns = dequantised.shape[2] // TILE, dequantised.shape[3] // TILE
        weights = self.out_quarter.weight.numel() + 4 * self.out_half.weight.numel()  # for each cell of a quarter
        strips = Strips(tiles, 1, 2 * weights * (TILE // 4) ** 2 * columns)  # as long again goes by on its pixels
        return in_strips(self._changed, strips, dequantised, quarter, half)

    def _changed(self, dequantised: Tensor, quarter: Tensor, half: Tensor) -> Tensor:
        change = F.pixel_shuffle(self.out_quarter(F.silu(quarter)), 4).float()
        change = change + F.pixel_shuffle(self.out_half(half), 2).float()
        return dequantised.float() + GREY_SCALE * change
