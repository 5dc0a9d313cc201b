"""The steps and layers of the prior over tiles of different DCT blocks, which every arithmetic of its walk shares.

The finest luma bands come in two *halves*, places with even u + v and then those with odd.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hvaecodec.models.photo.block_shapes import SHAPES
from hvaecodec.models.photo.layout import N_LEVELS, STEPS, TILE, Step
from hvaecodec.models.photo.prior_layers import HATS, MAX_LINEAR_LEVEL, PriorConfig

SPLIT_FROM = 4  # luma bands of this stream level and finer ones come in halves
SHAPE_FEATURES = 2 * 4 * len(SHAPES)  # map, quadrant, shape
N_PLACES = 3 * TILE * TILE


@dataclass(frozen=True)
class BlockStep(Step):
    """A step codes all of its bands, or one half of its only band.

    half: 0 or 1 for the places with even or odd u + v, None for all of them.
    """

    half: int | None = None

    @property
    def size(self) -> int:
        """How many coefficients a tile has in this step."""
        return len(self.places)

    @functools.cached_property
    def places(self) -> np.ndarray:
        """The flat places (channel, u, v) of its coefficients in a tile, in the order in which heads name them."""
        parts = []
        for band in self.bands:
            u, v = np.indices((band.n, band.n)).reshape(2, -1) + np.array([[band.u0], [band.v0]])
            part = band.channel * TILE * TILE + u * TILE + v
            parts.append(part if self.half is None else part[(u + v) % 2 == self.half])
        return np.concatenate(parts)

    @property
    def map_number(self) -> int:
        """The number of the map of shapes that holds for the step: 0 for luma, 1 for chroma."""
        return 1 if self.bands[0].channel else 0


def _make_steps() -> tuple[BlockStep, ...]:
    steps = []
    for step in STEPS:
        if step.stream_level >= SPLIT_FROM and step.bands[0].channel == 0:
            steps += [BlockStep(f"{step.name}{half}", step.stream_level, step.bands, half) for half in (0, 1)]
        else:
            steps.append(BlockStep(step.name, step.stream_level, step.bands))
    return tuple(steps)


BLOCK_STEPS = _make_steps()
FIRST_OF_LEVEL = {
    next(step.name for step in BLOCK_STEPS if step.stream_level == stream_level) for stream_level in range(1, N_LEVELS)
}


@dataclass(frozen=True)
class BlockPriorConfig(PriorConfig):
    """Widths and residual blocks as of the prior of undivided tiles; half_blocks: those before each half of a band."""

    half_blocks: int = 1

    def blocks(self, step: Step) -> int:
        """Return how many residual blocks refine the state before a step."""
        if isinstance(step, BlockStep) and step.half is not None:
            return self.half_blocks
        return super().blocks(step)


def layer_shapes(config: PriorConfig) -> Iterator[tuple[str, int, int, int]]:
    """Yield every convolution as (name, inputs, outputs, kernel side), in the order in which the walk meets them."""
    yield from _dc_shapes(config)
    yield "start", 8 * 3 * 2, config.coarse, 1
    previous = config.coarse
    for step in BLOCK_STEPS:
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
        if step is not BLOCK_STEPS[-1]:
            features = 4 if step.stream_level <= MAX_LINEAR_LEVEL else 2
            yield f"{step.name}.embed", features * step.size, width, 1


def _dc_shapes(config: PriorConfig) -> Iterator[tuple[str, int, int, int]]:
    near = 12 * 3 * 2
    for kind in ("diagonal", "cross"):
        for part, extra, outputs in (("y", 0, 1), ("c", 2, 2)):
            yield f"dc.{kind}.{part}.in", near + HATS + 3 + SHAPE_FEATURES + extra, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.mid", config.dc_hidden, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.head", config.dc_hidden, 2 * outputs, 1
