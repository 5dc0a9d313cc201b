"""The layers of the DCT prior: their names, widths and inputs, which every arithmetic of `prior_walk` shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hvaecodec.models.photo.layout import STEPS, Band, Step

HATS = 8  # features of the rate: piecewise linear in the step index
LINEAR_SHIFT = 12  # linear prediction weights are integers / 2**12
MAX_LINEAR_LEVEL = 3  # stream levels 1..3 (k <= 8) are linearly predicted


@dataclass(frozen=True)
class PriorConfig:
    """Widths of the state for k <= 8 and above, and residual blocks before each luma and each chroma step."""

    coarse: int = 128
    fine: int = 192
    luma_blocks: int = 2
    chroma_blocks: int = 1
    dc_hidden: int = 64

    def width(self, stream_level: int) -> int:
        """Return the channels of the state at a stream level."""
        return self.coarse if stream_level <= 3 else self.fine

    def blocks(self, step: Step) -> int:
        """Return how many residual blocks refine the state before a step."""
        return self.chroma_blocks if step.bands[0].channel else self.luma_blocks


def linear_inputs(step: Step, band: Band) -> list[tuple[int, slice, slice]]:
    """Return where the linear prediction of a band looks, in 3 x 3 tiles: coarser coefficients, earlier luma bands."""
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
        for i in range(config.blocks(step)):
            yield f"{step.name}.block{i}.conv", width, width, 3
            yield f"{step.name}.block{i}.mix", width, width, 1
        yield f"{step.name}.head", width, 2 * step.size, 1
        if step is not STEPS[-1]:
            features = 4 if step.stream_level <= MAX_LINEAR_LEVEL else 2
            yield f"{step.name}.embed", features * step.size, width, 1


def _dc_shapes(config: PriorConfig) -> Iterator[tuple[str, int, int, int]]:
    near = 12 * 3 * 2
    for kind in ("diagonal", "cross"):
        for part, extra, outputs in (("y", 0, 1), ("c", 2, 2)):
            yield f"dc.{kind}.{part}.in", near + extra + HATS + 3, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.mid", config.dc_hidden, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.head", config.dc_hidden, 2 * outputs, 1
