"""The graphs of a layer of `hqa-photo`: what `models.hqa.stack.HqaLayer` encodes and decodes."""

from __future__ import annotations

from collections.abc import Sequence

from hvaecodec.codec.graphs.layers import conv
from hvaecodec.codec.graphs.writer import FLOAT, INT64, GraphWriter
from hvaecodec.models.hqa.layer_config import LayerConfig


def write_encoder(config: LayerConfig, bottom: bool) -> GraphWriter:
    """Write the graph that takes a `target` to `z_e`. bottom: whether the target is a picture in 0..1."""
    g = GraphWriter("hqa-photo encoder")
    x = g.input("target", FLOAT, (1, config.inputs, "height", "width"))
    if not bottom:
        x = g.node("Div", g.node("Sub", x, _by_channel(g, "mean", config)), _by_channel(g, "std", config))
    half = max(1, config.encoder // 2)
    h = mish(g, conv(g, "encoder.0", x, (config.inputs, half), 3, config.stride))
    h = mish(g, conv(g, "encoder.2", h, (half, config.encoder), 3))
    h = _residuals(g, "encoder", 4, h, (config.encoder, config.blocks))
    z_e = conv(g, f"encoder.{4 + config.blocks}", h, (config.encoder, config.dim))
    g.output("z_e", z_e, (1, config.dim, "rows", "columns"))
    return g


def write_decoder(config: LayerConfig, bottom: bool) -> GraphWriter:
    """Write the graph that takes `indices` to their reconstruction of the `target`."""
    g = GraphWriter("hqa-photo decoder")
    indices = g.input("indices", INT64, (1, "rows", "columns"))
    g.output("target", decoded(g, config, bottom, indices), (1, config.outputs or config.inputs, "height", "width"))
    return g


def write_picture(configs: Sequence[LayerConfig]) -> GraphWriter:
    """Write the graph that takes the `indices` of the last of some layers, bottom first, to a `picture` in 0..1.

    Every layer below is decoded by its nearest codes. Names are those of a whole stack, `layers.0.` first.
    """
    g = GraphWriter("hqa-photo")
    values = g.input("indices", INT64, (1, "rows", "columns"))
    for number in range(len(configs) - 1, -1, -1):
        prefix = f"layers.{number}."
        values = decoded(g, configs[number], number == 0, values, prefix)
        if number:
            values = _nearest(g, configs[number - 1], values, f"layers.{number - 1}.")
    g.output("picture", values, (1, configs[0].outputs or configs[0].inputs, "height", "width"))
    return g


def _nearest(g: GraphWriter, config: LayerConfig, z_e: str, prefix: str) -> str:
    """The indices of the nearest codes of z_e, int64 (1, h, w)."""
    codes = g.weight(f"{prefix}codebook", config.codes, config.dim)
    cells = g.node("Transpose", z_e, perm=[0, 2, 3, 1])
    cross = g.node("Mul", g.node("MatMul", cells, g.node("Transpose", codes, perm=[1, 0])), g.number(2))
    lengths = g.node("ReduceSum", g.node("Mul", codes, codes), g.constant([1]), keepdims=0)
    return g.node("ArgMax", g.node("Sub", cross, lengths), axis=3, keepdims=0)


def decoded(g: GraphWriter, config: LayerConfig, bottom: bool, indices: str, prefix: str = "") -> str:
    """Add what a layer's decoder makes of indices (1, h, w). prefix: of the names of its weights."""
    codes = g.node("Gather", g.weight(f"{prefix}codebook", config.codes, config.dim), indices, axis=0)
    z_q = g.node("Transpose", codes, perm=[0, 3, 1, 2])
    half, last = max(1, config.decoder // 2), 2 + config.blocks
    h = mish(g, conv(g, f"{prefix}decoder.0", z_q, (config.dim, config.decoder), 3))
    h = _residuals(g, f"{prefix}decoder", 2, h, (config.decoder, config.blocks))
    if config.stride > 1:
        scales = g.constant([1, 1, config.stride, config.stride])
        h = g.node("Resize", h, "", g.node("Cast", scales, to=FLOAT), mode="nearest", nearest_mode="floor",
                   coordinate_transformation_mode="asymmetric")  # fmt: skip
        last += 1
    h = mish(g, conv(g, f"{prefix}decoder.{last}", h, (config.decoder, half), 3))
    target = conv(g, f"{prefix}decoder.{last + 2}", h, (half, config.outputs or config.inputs), 3)
    if bottom:
        return g.node("Sigmoid", target)
    mean, std = (_by_channel(g, f"{prefix}{name}", config) for name in ("mean", "std"))
    return g.node("Add", g.node("Mul", target, std), mean)


def mish(g: GraphWriter, x: str) -> str:
    """Multiply by the tanh of the softplus."""
    return g.node("Mul", x, g.node("Tanh", g.node("Softplus", x)))


def _residuals(g: GraphWriter, name: str, first: int, h: str, sizes: tuple[int, int]) -> str:
    """Refine a state by residual blocks. sizes: their width and their number."""
    width, blocks = sizes
    for i in range(first, first + blocks):
        y = mish(g, conv(g, f"{name}.{i}.first", h, (width, width), 3))
        h = mish(g, g.node("Add", h, conv(g, f"{name}.{i}.second", y, (width, width), 3)))
    return h


def _by_channel(g: GraphWriter, name: str, config: LayerConfig) -> str:
    """A weight of every channel of the target, (1, C, 1, 1)."""
    return g.node("Unsqueeze", g.weight(name, config.inputs), g.constant([0, 2, 3]))
