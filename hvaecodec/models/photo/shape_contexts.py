"""The contexts in which maps of shapes are coded, and the tables that go with them.

Luma's map comes first, then chroma's; of each first the class of every tile, then the shape of every quadrant of a
divided one. A class sees those of the tiles to the left and above, and chroma's also luma's of the same tile; a
quadrant's shape sees shapes alike. Both see how fine the quantiser is. Places on a diagonal do not see each other, so
that a diagonal at a time can be decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hvaecodec.models.integers import TOTAL_BITS, to_integers
from hvaecodec.models.photo.block_shapes import SHAPES, TILE_CLASSES, WHOLE

QUADRANT_SHAPES = len(SHAPES) - WHOLE
OUTSIDE_TILE, OUTSIDE = TILE_CLASSES, len(SHAPES)
BUCKETS, COARSE_BUCKETS, PER_BUCKET = 8, 3, 100
TILE_CONTEXTS = BUCKETS * 5**3
QUADRANT_CONTEXTS = COARSE_BUCKETS * 8**3
STRENGTH = 6.0  # pseudo-counts with which a context begins: the mean of all contexts that differ in what is beside only

Event = tuple[np.ndarray, np.ndarray]  # contexts and symbols, (N,) each


@dataclass(frozen=True)
class ShapeTables:
    """The tables hold, by context, frequencies that sum to 2**22: tiles (1000, 4) and quadrants (1536, 4), int64."""

    tiles: np.ndarray
    quadrants: np.ndarray


def bucket_of(step_index: int) -> int:
    """Return which of eight ranges a step index lies in, 0..7."""
    return min(BUCKETS - 1, step_index // PER_BUCKET)


def tile_contexts(step_index: int, left: np.ndarray, above: np.ndarray, luma: np.ndarray | None) -> np.ndarray:
    """Return the contexts of tiles, 0..999.

    left, above: classes of neighbours, 4 outside. luma: luma's classes of the same tiles, None for luma itself.
    """
    beside = 0 if luma is None else 1 + luma
    return ((bucket_of(step_index) * 5 + left) * 5 + above) * 5 + beside


def quadrant_contexts(step_index: int, left: np.ndarray, above: np.ndarray, luma: np.ndarray | None) -> np.ndarray:
    """Return the contexts of quadrants, 0..1535.

    left, above: shapes of neighbours, 7 outside. luma: luma's shapes of the same quadrants, None for luma itself.
    """
    beside = OUTSIDE if luma is None else luma
    coarse = min(COARSE_BUCKETS - 1, bucket_of(step_index) // 3)
    return ((coarse * 8 + left) * 8 + above) * 8 + beside


def classes_of(shapes: np.ndarray) -> np.ndarray:
    """Return the classes (rows, columns) of the tiles of a map (2 rows, 2 columns)."""
    return np.minimum(shapes[::2, ::2], WHOLE)


def neighbours(values: np.ndarray, outside: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what lies to the left and what above of every place, arrays of the shape of `values`."""
    padded = np.pad(values, ((1, 0), (1, 0)), constant_values=outside)
    return padded[1:, :-1], padded[:-1, 1:]


def events(step_index: int, shapes: np.ndarray) -> tuple[Event, Event]:
    """Return what maps (2, 2 rows, 2 columns) have of all tiles, then of all quadrants of divided tiles."""
    tiles, quadrants = [], []
    for number, plane in enumerate(shapes):
        classes, luma = classes_of(plane), shapes[0] if number else None
        beside = None if luma is None else classes_of(luma)
        tiles.append((tile_contexts(step_index, *neighbours(classes, OUTSIDE_TILE), beside).ravel(), classes.ravel()))
        divided = plane >= WHOLE
        keys = quadrant_contexts(step_index, *neighbours(plane, OUTSIDE), luma)
        quadrants.append((np.broadcast_to(keys, plane.shape)[divided], plane[divided] - WHOLE))
    first, second = (tuple(np.concatenate(part) for part in zip(*pairs, strict=True)) for pairs in (tiles, quadrants))
    return first, second  # type: ignore[return-value]


def fit_shape_tables(maps: list[tuple[int, np.ndarray]]) -> ShapeTables:
    """Fit tables to maps (2, 2 rows, 2 columns), each with the step index that it is for."""
    counts = np.zeros((TILE_CONTEXTS, TILE_CLASSES)), np.zeros((QUADRANT_CONTEXTS, QUADRANT_SHAPES))
    for step_index, shapes in maps:
        for table, (keys, symbols) in zip(counts, events(step_index, shapes), strict=True):
            np.add.at(table, (keys, symbols), 1)
    fitted = []
    for table, radix in zip(counts, (5, 8), strict=True):
        # a context begins with what others say that share its neighbours, those with what all say
        alike = table.reshape(-1, radix**2, radix, table.shape[1])
        shared = alike.sum(0, keepdims=True) + STRENGTH * _mass(alike.sum((0, 1), keepdims=True) + 1)
        mass = alike + STRENGTH * _mass(shared)
        fitted.append(np.stack([to_integers(row) for row in mass.reshape(table.shape)]))
    return ShapeTables(*fitted)


def shape_bits(tables: ShapeTables, step_index: int, shapes: np.ndarray) -> float:
    """Return the bits that the tables need for maps (2, 2 rows, 2 columns)."""
    total = 0.0
    for table, (keys, symbols) in zip((tables.tiles, tables.quadrants), events(step_index, shapes), strict=True):
        total += float((TOTAL_BITS - np.log2(table[keys, symbols])).sum())
    return total


def _mass(counts: np.ndarray) -> np.ndarray:
    return counts / counts.sum(-1, keepdims=True)
