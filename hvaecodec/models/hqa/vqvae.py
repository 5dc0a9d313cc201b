"""The single-layer VQ-VAE: pictures straight to one grid of codes, the other baseline of HQA's paper.

van den Oord et al., "Neural Discrete Representation Learning", arXiv:1711.00937: the nearest code, straight-through
gradients, codes as running means. It is a stack of one `HqaLayer` whose encoder and decoder have several scales, so
that everything that trains, measures or draws a stack takes it as it is. One is needed for every rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig, Residual, conv


@dataclass(frozen=True)
class VqVaeConfig:
    """widths: channels of the encoder's halvings, fine to coarse; the decoder has `wider` times as many.

    blocks: residual blocks at the coarsest scale.
    """

    inputs: int
    widths: tuple[int, ...]
    wider: float = 2.0
    dim: int = 64
    codes: int = 256
    blocks: int = 0


def vqvae(config: VqVaeConfig) -> HqaStack:
    """A stack of one layer whose grid is 2^len(widths) times coarser than the picture."""
    top = config.widths[-1] if config.widths else config.dim
    layer = HqaLayer(LayerConfig(config.inputs, top, round(config.wider * top), config.dim, config.codes), bottom=True)
    layer.encoder, layer.decoder = _encoder(config), _decoder(config)
    for part in (*layer.encoder, *layer.decoder):
        if isinstance(part, nn.Conv2d):  # a dozen layers without normalisation: the default loses the signal
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return HqaStack([layer])


def _encoder(config: VqVaeConfig) -> nn.Sequential:
    parts: list[nn.Module] = []
    width = config.inputs
    for wider in config.widths:
        parts += [conv(width, wider, 2), nn.Mish(), conv(wider, wider), nn.Mish()]
        width = wider
    parts += [Residual(width) for _ in range(config.blocks)]
    return nn.Sequential(*parts, conv(width, config.dim, side=1))


def _decoder(config: VqVaeConfig) -> nn.Sequential:
    widths = [round(config.wider * width) for width in reversed(config.widths)]
    parts: list[nn.Module] = [conv(config.dim, widths[0]), nn.Mish()]
    parts += [Residual(widths[0]) for _ in range(config.blocks)]
    for width, finer in zip(widths, widths[1:] + [max(1, widths[-1] // 2)], strict=True):
        parts += [nn.Upsample(scale_factor=2), conv(width, finer), nn.Mish()]
    return nn.Sequential(*parts, conv(widths[-1] // 2 or 1, config.inputs))
