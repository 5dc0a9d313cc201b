"""The layers of the DCT prior: their names, widths and inputs, which every arithmetic of `prior_walk` shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hvaecodec.models.photo.block_shapes import SHAPES
from hvaecodec.models.photo.layout import N_LEVELS, STEPS, Band, Step

HATS = 8  # features of the rate: piecewise linear in the step index
LINEAR_SHIFT = 12  # linear prediction weights are integers / 2**12
MAX_LINEAR_LEVEL = 3  # stream levels 1..3 (k <= 8) are linearly predicted
SHAPE_FEATURES = 2 * 4 * len(SHAPES)  # map, quadrant, shape
FIRST_OF_LEVEL = {
    next(step.name for step in STEPS if step.stream_level == stream_level) for stream_level in range(1, N_LEVELS)
}


@dataclass(frozen=True)
class PriorConfig:
    """Widths of the state for k <= 8 and above, and residual blocks before each step.

    luma_blocks, chroma_blocks: those before a step of whole bands. half_blocks: those before each half of a band.
    """

    coarse: int = 128
    fine: int = 192
    luma_blocks: int = 2
    chroma_blocks: int = 1
    dc_hidden: int = 64
    half_blocks: int = 1

    def width(self, stream_level: int) -> int:
        """Return the channels of the state at a stream level."""
        return self.coarse if stream_level <= 3 else self.fine

    def blocks(self, step: Step) -> int:
        """Return how many residual blocks refine the state before a step."""
        if step.half is not None:
            return self.half_blocks
        return self.chroma_blocks if step.bands[0].channel else self.luma_blocks


def linear_inputs(step: Step, band: Band) -> list[tuple[int, slice, slice]]:
    """Return where the linear prediction of a band looks, in 3 x 3 tiles: coarser coefficients, earlier luma bands.

    step: of a level that is linearly predicted, where no band comes in halves.
    """
    half = band.n
    where: list[tuple[int, slice, slice]] = [(band.channel, slice(0, half), slice(0, half))]
    if band.channel == 0:
        for other in STEPS:
            if other.name == step.name:
                break
            if other.stream_level == step.stream_level:
                where.append(other.bands[0].where)
    return where


def layer_shapes(config: PriorConfig) -> Iterator[tuple[str, int, int, int]]:
    """Yield every convolution as (name, inputs, outputs, kernel side), in the order in which the walk meets them."""
    yield from _dc_shapes(config)
    yield "start", 8 * 3 * 2, config.coarse, 1
    previous = config.coarse
    for step in STEPS:
        width = config.width(step.stream_level)
        if width != previous:
            yield f"{step.name}.widen", previous, width, 1
            previous = width
        yield f"{step.name}.rate", HATS, width, 1
        if step.name in FIRST_OF_LEVEL:
            yield f"{step.name}.shape", SHAPE_FEATURES, width, 1
        for i in range(config.blocks(step)):
            yield f"{step.name}.block{i}.conv", width, width, 3
            yield f"{step.name}.block{i}.mix", width, width, 1
        partner = 2 * step.size if step.half == 1 else 0
        yield f"{step.name}.head", width + SHAPE_FEATURES + partner, 2 * step.size, 1
        if step is not STEPS[-1]:
            features = 4 if step.stream_level <= MAX_LINEAR_LEVEL else 2
            yield f"{step.name}.embed", features * step.size, width, 1


def _dc_shapes(config: PriorConfig) -> Iterator[tuple[str, int, int, int]]:
    near = 12 * 3 * 2
    for kind in ("diagonal", "cross"):
        for part, extra, outputs in (("y", 0, 1), ("c", 2, 2)):
            yield f"dc.{kind}.{part}.in", near + HATS + 3 + SHAPE_FEATURES + extra, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.mid", config.dc_hidden, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.head", config.dc_hidden, 2 * outputs, 1
