"""The graph of the generator of `dct-vae-photo`: what `models.photo.generator.Generator.forward` computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
from hvaecodec.codec.graphs.writer import FLOAT, INT64, GraphWriter
from hvaecodec.models.photo.block_shapes import HALF, SHAPES
from hvaecodec.models.photo.generator_config import (
    COARSEST_FOLD,
    LOG_SIGMA_RANGE,
    MAPS,
    GeneratorConfig,
    ScaleConfig,
)
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.rate_features import GREY_SCALE, HATS


def write_generator(config: GeneratorConfig) -> GraphWriter:
    """Write the graph of a generator.

    Its inputs are those of `Generator.forward`: `dequantised`, `shapes` and `step_index`; `noise0` and so on, what each
    scale's latent is drawn by, in standard deviations, zeros for its mean; and `offsets`, (1, offsets), zeros for none.
    """
    g = GraphWriter("dct-vae-photo")
    dequantised = g.input("dequantised", FLOAT, (1, 3, "height", "width"))
    shapes = g.input("shapes", INT64, (1, 2, "quadrant_rows", "quadrant_columns"))
    seen = _Seen(scaled_grey(g, dequantised), _shape_keys(g, shapes), _rate(g, g.input("step_index", INT64, (1,))))
    sizes = [2 * scale.width * scale.blocks for scale in config.scales]
    offsets = g.input("offsets", FLOAT, (1, sum(sizes)))
    parts = g.split("Split", offsets, g.constant(sizes), outputs=len(sizes), axis=1)
    h, above, states = "", 0, {}
    for number, (scale, part) in enumerate(zip(config.scales, parts, strict=True)):
        h = _state(g, number, scale, seen, (h, above))
        if config.latents:
            h = g.node("Add", h, _latent(g, number, scale, h))
        h = _refined(g, number, scale, h, (seen.rate, part))
        states[scale.fold], above = h, scale.width
    quarter, half = config.scales[-2].width, config.scales[-1].width
    change = unfolded(g, conv(g, "out_quarter", silu(g, states[4]), (quarter, 48), 3), 4)
    change = g.node("Add", change, unfolded(g, conv(g, "out_half", h, (half, 12), 3), 2))
    picture = g.node("Add", dequantised, g.node("Mul", change, g.number(GREY_SCALE)))
    g.output("picture", picture, (1, 3, "height", "width"))
    return g


@dataclass(frozen=True)
class _Seen:
    """What every scale sees: the picture, scaled; the keys of the shapes; the features of the rate."""

    picture: str
    keys: str
    rate: str


def _rate(g: GraphWriter, step_index: str) -> str:
    """The features of a step index, (1, 8), as `generator.rate_features`."""
    position = g.node("Div", g.node("Cast", step_index, to=FLOAT), g.number(N_INDICES - 1))
    position = g.node("Mul", position, g.number(HATS - 1))
    distance = g.node("Abs", g.node("Sub", position, g.constant(np.arange(HATS, dtype=np.float32)[None])))
    return g.node("Relu", g.node("Sub", g.number(1), distance))


def _state(g: GraphWriter, number: int, scale: ScaleConfig, seen: _Seen, coarser: tuple[str, int]) -> str:
    """The state before the latent. coarser: the state of the scale above, and its width, 0 at the coarsest."""
    name, fold, width = f"scales.{number}", scale.fold, scale.width
    picture = folded(g, seen.picture, fold)
    new = conv_of_unfolded(g, f"{name}.context", picture, fold, width, scale.context_side)
    new = g.node("Add", new, over_grid(g, linear(g, f"{name}.rate", seen.rate, HATS, width)))
    h, above = coarser
    if above:
        new = g.node("Add", new, unfolded(g, conv(g, f"{name}.up", h, (above, 4 * width)), 2))
    if fold > COARSEST_FOLD:
        return new
    weight = g.weight(f"{name}.shape.weight", width, MAPS, 1, 1)
    return g.node("Add", new, g.node("Conv", _shape_maps(g, seen.keys, fold), weight))


def _latent(g: GraphWriter, number: int, scale: ScaleConfig, h: str) -> str:
    """What the latent adds to the state: its mean and so many standard deviations, projected."""
    name, fold, z = f"scales.{number}", scale.fold, scale.latent
    noise = g.input(f"noise{number}", FLOAT, (1, z, f"height/{fold}", f"width/{fold}"))
    prior = conv(g, f"{name}.prior", silu(g, h), (scale.width, 2 * z))
    mean, log_sigma = g.split("Split", prior, outputs=2, axis=1, num_outputs=2)
    sigma = g.node("Exp", g.node("Clip", log_sigma, *(g.number(end) for end in LOG_SIGMA_RANGE)))
    drawn = g.node("Add", mean, g.node("Mul", noise, sigma))
    return conv(g, f"{name}.project", drawn, (z, scale.width))


def _refined(g: GraphWriter, number: int, scale: ScaleConfig, h: str, moved_by: tuple[str, str]) -> str:
    """The state after the residual blocks. moved_by: the rate, and the offsets of this scale."""
    rate, offsets = moved_by
    if not scale.blocks:
        return h
    parts = g.split("Split", offsets, outputs=scale.blocks, axis=1, num_outputs=scale.blocks)
    for i, part in enumerate(parts):
        h = rate_block(g, f"scales.{number}.blocks.{i}", (h, scale.width), rate, part)
    return h


def _shape_keys(g: GraphWriter, shapes: str) -> str:
    """4 * shape + 2 * (odd row) + (odd column) of every quadrant: what the shape maps depend on."""
    tiles = g.node("SpaceToDepth", g.node("Cast", shapes, to=FLOAT), blocksize=2)  # (1, 4 places x 2 maps, h, w)
    places = np.repeat(np.arange(4, dtype=np.float32), 2)[None, :, None, None]
    keys = g.node("Add", g.node("Mul", tiles, g.number(4)), g.constant(places))
    return g.node("Cast", g.node("DepthToSpace", keys, blocksize=2, mode="DCR"), to=INT64)


def _shape_maps(g: GraphWriter, keys: str, fold: int) -> str:
    """What cells of `fold` pixels know of the shapes, (1, 22, H / fold, W / fold), as `generator.shape_maps`."""
    table = _shape_table(fold)
    cells = g.node("Gather", g.constant(table.reshape(len(table), -1)), keys, axis=0)  # (1, 2, rows, columns, ...)
    cells = g.node("Transpose", cells, perm=[0, 1, 4, 2, 3])
    rows_columns = g.node("Shape", keys, start=2)
    channels = MAPS * (HALF // fold) ** 2
    flat = g.node("Reshape", cells, g.node("Concat", g.constant([1, channels]), rows_columns, axis=0))
    maps = g.node("Cast", flat, to=FLOAT)
    return maps if fold == HALF else unfolded(g, maps, HALF // fold)


def _shape_table(fold: int) -> np.ndarray:
    """The maps of the cells of a quadrant by its key, uint8 (28, 11, cells, cells): the shape, then the four edges."""
    n = HALF // fold
    table = np.zeros((len(SHAPES), 2, 2, len(SHAPES) + 4, n, n), np.uint8)
    for number, (shape, i, j) in ((k, (s, i, j)) for k, s in enumerate(SHAPES) for i, j in np.ndindex(2, 2)):
        high, wide = (max(1, side // fold) for side in (shape.rows, shape.columns))
        y, x = (i * n + np.arange(n)[:, None]) % high, (j * n + np.arange(n)) % wide
        own = table[number, i, j]
        own[number] = 1
        for edge, where in enumerate((y == 0, y == high - 1, x == 0, x == wide - 1)):
            own[len(SHAPES) + edge] = where
    return table.reshape(4 * len(SHAPES), len(SHAPES) + 4, n, n)
