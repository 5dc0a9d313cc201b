"""Maps of shapes into streams and back, a diagonal at a time: see `hvaecodec.models.photo.shape_contexts`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import constriction
import numpy as np

from hvaecodec.codec.entropy.words import decode_run
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.models.integers import TOTAL_BITS
from hvaecodec.models.photo.block_shapes import WHOLE
from hvaecodec.models.photo.shape_contexts import (
    OUTSIDE,
    OUTSIDE_TILE,
    ShapeTables,
    classes_of,
    quadrant_contexts,
    tile_contexts,
)

TILES, QUADRANTS = 0, 1  # the two tables

RangeEncoder = Any  # `constriction.stream.queue.RangeEncoder` and `RangeDecoder`
RangeDecoder = Any


@dataclass(frozen=True)
class Diagonal:
    """The tiles or quadrants that one call codes: the number of the map, and their rows and columns, (N,) each."""

    table: int
    number: int
    rows: np.ndarray
    columns: np.ndarray


class Code(Protocol):
    """Writes or reads the symbols of a diagonal."""

    def __call__(self, diagonal: Diagonal, contexts: np.ndarray) -> np.ndarray:
        """Code the symbols, each in its context, and return them, (N,)."""


class ShapeCoder:
    """Has the tables ready for the coder; their models are made when first needed."""

    def __init__(self, tables: ShapeTables) -> None:
        self.tables = (tables.tiles, tables.quadrants)
        self.bits = tuple(TOTAL_BITS - np.log2(table) for table in self.tables)
        self.models: dict[tuple[int, int], Any] = {}

    def encode(self, coder: RangeEncoder, frame: Frame, shapes: np.ndarray) -> float:
        """Write maps (2, 2 rows, 2 columns) into a stream and return the tables' estimate of their bits."""
        planes = shapes.astype(np.int64)
        known = [[classes_of(plane) for plane in planes], list(planes - WHOLE)]
        bits = 0.0

        def write(diagonal: Diagonal, contexts: np.ndarray) -> np.ndarray:
            nonlocal bits
            values: np.ndarray = known[diagonal.table][diagonal.number][diagonal.rows, diagonal.columns]
            for context in sorted(set(contexts.tolist())):
                run = values[contexts == context].astype(np.int32)
                coder.encode(run, self._model(diagonal.table, context))
            bits += self._bits(diagonal, contexts, values)
            return values

        _Walk(frame, write).maps()
        return bits

    def decode(self, coder: RangeDecoder, frame: Frame) -> tuple[np.ndarray, float]:
        """Read maps from a stream, int64 (2, 2 rows, 2 columns), and the estimate of their bits.

        They are partitions whatever the stream holds. Raises CorruptFile for what no encoder writes; it can also go
        unnoticed and give wrong maps.
        """
        bits = 0.0

        def read(diagonal: Diagonal, contexts: np.ndarray) -> np.ndarray:
            nonlocal bits
            values = np.empty(len(contexts), np.int64)
            for context in sorted(set(contexts.tolist())):
                where = contexts == context
                values[where] = decode_run(coder, self._model(diagonal.table, context), int(where.sum()))
            bits += self._bits(diagonal, contexts, values)
            return values

        return _Walk(frame, read).maps(), bits

    def _bits(self, diagonal: Diagonal, contexts: np.ndarray, values: np.ndarray) -> float:
        return float(self.bits[diagonal.table][contexts, values].sum())

    def _model(self, table: int, context: int) -> Any:
        key = table, context
        if key not in self.models:
            mass = self.tables[table][context] / 2.0**TOTAL_BITS
            self.models[key] = constriction.stream.model.Categorical(mass, perfect=False)
        return self.models[key]


@dataclass(frozen=True)
class _Walk:
    """The order of the stream, which both sides go through: luma's map, then chroma's, each first by tiles."""

    frame: Frame
    code: Code

    def maps(self) -> np.ndarray:
        """The maps, (2, 2 rows, 2 columns), as `code` gives their symbols; a grey picture's chroma is undivided."""
        luma = self._plane(0, None)
        return np.stack([luma, np.zeros_like(luma) if self.frame.grey else self._plane(1, luma)])

    def _plane(self, number: int, luma: np.ndarray | None) -> np.ndarray:
        classes = self._tiles(number, None if luma is None else classes_of(luma))
        return self._quadrants(number, classes.repeat(2, 0).repeat(2, 1), luma)

    def _tiles(self, number: int, luma: np.ndarray | None) -> np.ndarray:
        """The classes (rows, columns) of a map's tiles. luma: those of luma's, None for luma itself."""
        grid = self.frame.grid
        classes = np.full((grid[0] + 1, grid[1] + 1), OUTSIDE_TILE, np.int64)
        for r, c in _diagonals(*grid):
            beside = None if luma is None else luma[r, c]
            contexts = tile_contexts(self.frame.step_index, classes[r + 1, c], classes[r, c + 1], beside)
            classes[r + 1, c + 1] = self.code(Diagonal(TILES, number, r, c), contexts)
        return classes[1:, 1:]

    def _quadrants(self, number: int, classes: np.ndarray, luma: np.ndarray | None) -> np.ndarray:
        """A map from the classes of its quadrants' tiles. luma: luma's map, None for luma itself."""
        shapes = np.full((classes.shape[0] + 1, classes.shape[1] + 1), OUTSIDE, np.int64)
        shapes[1:, 1:] = np.where(classes < WHOLE, classes, OUTSIDE)
        for r, c in _diagonals(*classes.shape):
            divided = classes[r, c] == WHOLE
            r, c = r[divided], c[divided]
            if len(r):
                beside = None if luma is None else luma[r, c]
                contexts = quadrant_contexts(self.frame.step_index, shapes[r + 1, c], shapes[r, c + 1], beside)
                shapes[r + 1, c + 1] = WHOLE + self.code(Diagonal(QUADRANTS, number, r, c), contexts)
        return shapes[1:, 1:]


def _diagonals(rows: int, columns: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the places of every diagonal r + c, the first one first."""
    for total in range(rows + columns - 1):
        r = np.arange(max(0, total - columns + 1), min(rows, total + 1))
        yield r, total - r
