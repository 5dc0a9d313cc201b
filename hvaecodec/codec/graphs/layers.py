"""The layers that nets share, as nodes of a graph: what they mean is said where PyTorch has them, in `models`."""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.graphs.writer import GraphWriter
from hvaecodec.models.rate_features import GREY_SCALE, HATS


def conv(g: GraphWriter, name: str, x: str, channels: tuple[int, int], side: int = 1, stride: int = 1) -> str:
    """Convolve with a bias; the grid stays, or shrinks by the stride. channels: of input and output."""
    weight = g.weight(f"{name}.weight", channels[1], channels[0], side, side)
    return convolved(g, x, weight, g.weight(f"{name}.bias", channels[1]), side // 2, stride)


def convolved(g: GraphWriter, x: str, weight: str, bias: str, margin: int, stride: int = 1) -> str:
    """Convolve with a weight and a bias that are there already."""
    return g.node("Conv", x, weight, bias, pads=[margin] * 4, strides=[stride] * 2)


def conv_of_unfolded(g: GraphWriter, name: str, x: str, fold: int, width: int, side: int = 1, more: int = 0) -> str:
    """Convolve a picture (1, 3, H, W), folded so that cells of `fold` pixels are channels.

    x: the folded picture as `folded` gives it, with `more` channels after it. PyTorch folds in another order than ONNX,
    so the channels of the weight are put in ONNX's order; a runtime does that once, when it loads the graph.
    """
    inputs = 3 * fold**2
    order = np.arange(inputs).reshape(3, fold**2).T.ravel()
    order = np.concatenate([order, inputs + np.arange(more)])
    weight = g.weight(f"{name}.weight", width, inputs + more, side, side)
    weight = g.node("Gather", weight, g.constant(order.astype(np.int32)), axis=1)
    return convolved(g, x, weight, g.weight(f"{name}.bias", width), side // 2)


def folded(g: GraphWriter, x: str, fold: int) -> str:
    """Fold (1, C, H, W) to (1, C fold^2, H / fold, W / fold), in ONNX's order of channels."""
    return g.node("SpaceToDepth", x, blocksize=fold)


def unfolded(g: GraphWriter, x: str, fold: int) -> str:
    """Undo PyTorch's folding: (1, C fold^2, h, w) to (1, C, fold h, fold w)."""
    return g.node("DepthToSpace", x, blocksize=fold, mode="CRD")


def linear(g: GraphWriter, name: str, x: str, inputs: int, outputs: int) -> str:
    """Apply a dense layer to (1, inputs)."""
    return g.node("Gemm", x, g.weight(f"{name}.weight", outputs, inputs), g.weight(f"{name}.bias", outputs), transB=1)


def over_grid(g: GraphWriter, x: str) -> str:
    """Spread (1, C) to (1, C, 1, 1)."""
    return g.node("Unsqueeze", x, g.constant([2, 3]))


def silu(g: GraphWriter, x: str) -> str:
    """Multiply by the sigmoid."""
    return g.node("Mul", x, g.node("Sigmoid", x))


def scaled_grey(g: GraphWriter, picture: str) -> str:
    """Bring grey levels to where nets see them."""
    return g.node("Div", g.node("Sub", picture, g.number(128)), g.number(GREY_SCALE))


def rate_block(g: GraphWriter, name: str, state: tuple[str, int], rate: str, offset: str | None = None) -> str:
    """Refine a state as `models.rate_block.Block` does. state: the value and its width. offset: (1, 2 width)."""
    h, width = state
    moved = linear(g, f"{name}.rate", rate, HATS, 2 * width)
    if offset is not None:
        moved = g.node("Add", moved, offset)
    gain, shift = g.split("Split", over_grid(g, moved), outputs=2, axis=1, num_outputs=2)
    y = conv(g, f"{name}.conv", silu(g, h), (width, width), 3)
    y = g.node("Add", g.node("Mul", y, g.node("Add", gain, g.number(1))), shift)
    return g.node("Add", h, conv(g, f"{name}.mix", silu(g, y), (width, width)))
