"""The graph of a texture: what `models.texture.Texture.forward` computes."""

from __future__ import annotations

from hvaecodec.codec.graphs.layers import (
    conv,
    conv_of_unfolded,
    folded,
    linear,
    over_grid,
    rate_block,
    scaled_grey,
    silu,
    unfolded,
)
from hvaecodec.codec.graphs.writer import FLOAT, GraphWriter
from hvaecodec.models.rate_features import GREY_SCALE, HATS
from hvaecodec.models.texture_config import TextureConfig


def write_texture(config: TextureConfig) -> GraphWriter:
    """Write the graph of a texture.

    Its inputs are a `picture` in grey levels, the features of its `rate` (1, 8), and standard normal numbers `noise4`
    and `noise2` at a quarter and at half of its sides; its output is the `texture` in grey levels.
    """
    g = GraphWriter("texture")
    picture = scaled_grey(g, g.input("picture", FLOAT, (1, 3, "height", "width")))
    rate = g.input("rate", FLOAT, (1, HATS))
    h = _into(g, "into_quarter", picture, (4, config.quarter, 1), config.noise)
    for i in range(config.quarter_blocks):
        h = rate_block(g, f"at_quarter.{i}", (h, config.quarter), rate)
    h = unfolded(g, conv(g, "up", h, (config.quarter, 4 * config.half)), 2)
    h = g.node("Add", h, _into(g, "into_half", picture, (2, config.half, 3), config.noise))
    for i in range(config.half_blocks):
        h = rate_block(g, f"at_half.{i}", (h, config.half), rate)
    change = conv(g, "out", silu(g, h), (config.half, 12), 3)
    change = g.node("Mul", change, over_grid(g, linear(g, "gain", rate, HATS, 12)))
    texture = g.node("Mul", unfolded(g, change, 2), g.number(GREY_SCALE))
    g.output("texture", texture, (1, 3, "height", "width"))
    return g


def _into(g: GraphWriter, name: str, picture: str, sizes: tuple[int, int, int], channels: int) -> str:
    """The picture, folded, and the noise beside it. sizes: fold, width and the kernel's side."""
    fold, width, side = sizes
    noise = g.input(f"noise{fold}", FLOAT, (1, channels, f"height/{fold}", f"width/{fold}"))
    both = g.node("Concat", folded(g, picture, fold), noise, axis=1)
    return conv_of_unfolded(g, name, both, fold, width, side, channels)
