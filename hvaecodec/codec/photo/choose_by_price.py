"""Chooses a slice's DCT blocks by what they cost under the actual prior, where there is time for seven walks.

The prior's price of a block depends on the blocks around it. Every walk here has a single shape throughout, so what it
says of a region is the price among blocks alike; photos have regions larger than tiles, so that is near the truth.
"""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.photo.chunk import Chunk
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.search import Rounder, SearchConfig, once
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Wanted
from hvaecodec.codec.photo.weights import PhotoWeights
from hvaecodec.models.photo.block_shapes import DIVIDED_BITS, NAME_BITS, SHAPES, WHOLE


class PricingRounder:
    """A `streams.Decide` that rounds as a `Rounder` does and remembers what every symbol costs.

    costs: float32 (3, 32, 32, rows, columns), distortion + lagrangian * bits, in squared luma steps.
    """

    def __init__(self, rounder: Rounder) -> None:
        self.rounder = rounder
        self.costs = np.zeros(rounder.targets.shape, np.float32)

    def __call__(self, chunk: Chunk) -> np.ndarray:
        """Choose the symbols of a chunk, int32 in its shape."""
        symbols, rounder = self.rounder(chunk), self.rounder
        error = chunk.place.take(rounder.targets) - symbols
        bits = rounder.tables.cost(symbols, *chunk.coding)
        cost = chunk.place.values(rounder.weight) * error**2 + rounder.config.lagrangian * bits
        chunk.place.put(self.costs, cost)
        return symbols


def choose_by_price(weights: PhotoWeights, pixels: np.ndarray, frame: Frame, config: SearchConfig) -> np.ndarray:
    """Return maps of luma and chroma, int64 (2, 2 rows, 2 columns), for the pixels of a slice."""
    config = once(config, frame.step_index, refined=False)  # what follows changes both prices and errors
    costs = [_quadrant_costs(weights, pixels, frame, number, config) for number in range(len(SHAPES))]
    maps = cheapest(np.stack(costs), config.lagrangian)
    if frame.grey:
        maps[1] = 0
    return maps


def cheapest(costs: np.ndarray, bit: float) -> np.ndarray:
    """Return the maps, int64 (2, 2 rows, 2 columns), that cost least.

    costs: (7, 2, 2 rows, 2 columns) by shape, map and quadrant, for a whole tile the sum of its quadrants'. bit: what a
    bit costs, of which names take some.
    """
    maps = []
    for number in (0, 1):
        names = bit * np.array(NAME_BITS[number])[:, None, None]
        quadrants = costs[WHOLE:, number] + names[WHOLE:]
        tiles = [
            *(_tiles(costs[:WHOLE, number]) + names[:WHOLE]),
            _tiles(quadrants.min(0)) + bit * DIVIDED_BITS[number],
        ]
        choice = np.stack(tiles).argmin(0).repeat(2, 0).repeat(2, 1)
        maps.append(np.where(choice < WHOLE, choice, WHOLE + quadrants.argmin(0)))
    return np.stack(maps)


def _quadrant_costs(
    weights: PhotoWeights, pixels: np.ndarray, frame: Frame, number: int, config: SearchConfig
) -> np.ndarray:
    """The cost of every quadrant of luma and of chroma, (2, 2 rows, 2 columns), where all blocks have one shape."""
    shapes = np.full((2, 2 * frame.grid[0], 2 * frame.grid[1]), number, np.int64)
    source = Source.of(weights, frame, weights.nets.analyse(pixels, frame.step_index, shapes), config)
    pricing = PricingRounder(Rounder(source.coefficients, source.weight, weights.bitstream.tables, config))
    source.encode(pricing, wanted=Wanted.SYMBOLS)
    rows, columns = frame.grid
    by_quadrant = pricing.costs.reshape(3, 16, 2, 16, 2, rows, columns).sum((1, 3), dtype=np.float64)
    quadrants = by_quadrant.transpose(0, 3, 1, 4, 2).reshape(3, 2 * rows, 2 * columns)
    return np.stack([quadrants[0], quadrants[1:].sum(0)])


def _tiles(quadrants: np.ndarray) -> np.ndarray:
    """Sums (..., rows, columns) of quadrants, (..., 2 rows, 2 columns)."""
    *rest, rows, columns = quadrants.shape
    return quadrants.reshape(*rest, rows // 2, 2, columns // 2, 2).sum((-3, -1))
