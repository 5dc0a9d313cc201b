"""The single-layer VQ-VAE takes pictures straight to one grid of codes; it is the other baseline of HQA's paper.

van den Oord et al., "Neural Discrete Representation Learning", arXiv:1711.00937: it takes the nearest code (eq. 1 of
HQA's paper, arXiv:2002.08111), passes gradients straight through, and keeps codes as running means. It is a stack of
one `HqaLayer` whose encoder and decoder have several scales, so that everything that trains, measures or draws a stack
takes it as it is. Every rate needs a net of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig, Residual, conv, upsampled_conv


@dataclass(frozen=True)
class VqVaeConfig:
    """The configuration of a VQ-VAE says how wide its nets are and how many codes it has.

    inputs: channels of pictures. widths: channels of the encoder's halvings, fine to coarse; the decoder has `wider`
    times as many. dim, codes: of the codebook. blocks: residual blocks at the coarsest scale.
    """

    inputs: int
    widths: tuple[int, ...]
    wider: float = 2.0
    dim: int = 64
    codes: int = 256
    blocks: int = 0


def vqvae(config: VqVaeConfig) -> HqaStack:
    """Make a stack of one layer, with random weights, whose grid is 2^len(widths) times coarser than the picture."""
    top = config.widths[-1] if config.widths else config.dim
    layer = HqaLayer(LayerConfig(config.inputs, top, round(config.wider * top), config.dim, config.codes), bottom=True)
    layer.encoder, layer.decoder = _encoder(config), _decoder(config)
    for module in (*layer.encoder, *layer.decoder):
        if isinstance(module, nn.Conv2d):  # a dozen layers without normalisation: the default start loses the signal
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
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
        parts += [*upsampled_conv(width, finer), nn.Mish()]
    return nn.Sequential(*parts, conv(widths[-1] // 2 or 1, config.inputs))
