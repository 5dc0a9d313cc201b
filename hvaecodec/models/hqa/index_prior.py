"""The prior of an HQA layer's indices gives each bit of a cell a table that depends on the cells decoded before.

The cells are visited in the phases of a quad-tree. Those of a phase do not see each other, so a phase is one pass of a
small network whatever its size: 16 phases decode any grid. A code's 9 bits are a path in a binary tree (codes that are
alike lie close together, see `tree_order`), and the network gives the logit of every node of that tree: a softmax over
512 codes that needs no division. docs/FORMAT.md, "Level streams of hqa-photo", is the norm.

With `IndexPriorConfig.above` a cell also sees the layer above, whole. That is the prior of a layer given the next one,
which a decoder draws from (`index_sampler`).

`walk` is written once. An `Arithmetic` supplies the numbers: `index_exact` computes with integers held in float32,
`index_numpy` is the plain reference; `index_trainable` is the form that is trained. Nothing here needs PyTorch.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

DEPTH = 9  # bits of an index
CODES = 1 << DEPTH
NODES = CODES - 1
OUTSIDE = CODES  # the index that stands for a neighbour outside the grid
BASE_STRIDE = 32
STRIDES = (16, 8, 4, 2, 1)
CHUNK = 8192  # cells that one call of the coder takes: a part of the format
N_TABLES = 33  # logits 0, 1/4 ... 8; negative ones are their mirror images

# Neighbours of a cell, (rows, columns) in strides, nearest first. In a stride's three phases ever more cells are known:
# both coordinates even (diagonal), then both odd (vertical), then odd rows (horizontal).
OFFSETS: dict[str, tuple[tuple[int, int], ...]] = {
    "diagonal": (
        (-1, -1), (-1, 1), (1, -1), (1, 1), (-1, -3), (-1, 3), (1, -3), (1, 3),
        (-3, -1), (-3, 1), (3, -1), (3, 1), (-3, -3), (-3, 3), (3, -3), (3, 3),
    ),
    "vertical": (
        (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -2), (-1, 2), (1, -2), (1, 2),
        (-2, -1), (-2, 1), (2, -1), (2, 1), (-3, 0), (0, -3), (0, 3), (3, 0),
    ),
    "horizontal": (
        (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1),
        (-1, -2), (-1, 2), (1, -2), (1, 2), (-2, -1), (-2, 1), (2, -1), (2, 1),
    ),
}  # fmt: skip
KINDS = tuple(OFFSETS)
NEIGHBOURS = 16
ABOVE = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1))  # around the cell that a cell lies in
TABLE = CODES + 1  # rows of an embedding: the codes, and outside
CLASSES = len(STRIDES) + 1  # strides 1, 2 ... 16 and the base


@dataclass(frozen=True)
class IndexPriorConfig:
    """The configuration of an index prior says how wide its network is and what a cell sees.

    embedding: numbers that stand for a neighbour's index. hidden: units of each of the two inner layers. above: whether
    cells also see the nine nearest of the layer above, whose rows in the embedding follow those of the layer's own.
    """

    embedding: int = 16
    hidden: int = 128
    above: bool = False

    @property
    def inputs(self) -> int:
        """Return the number of indices that a cell sees: 16, or 25 with the layer above."""
        return NEIGHBOURS + self.above * len(ABOVE)

    @property
    def embedding_rows(self) -> int:
        """Return the number of rows of the embedding: 513, or 1026 with the layer above."""
        return TABLE * (1 + self.above)


def layer_shapes(config: IndexPriorConfig) -> Iterator[tuple[str, int, int]]:
    """Yield every dense layer of the network as (name, inputs, outputs)."""
    for kind in KINDS:
        yield f"{kind}.in", config.inputs * config.embedding + CLASSES, config.hidden
    yield "mid", config.hidden, config.hidden
    yield "head", config.hidden, NODES


class Above:
    """This holds the layer above as cells see it: rows of the embedding, flat, with the row for outside at the end."""

    def __init__(self, indices: np.ndarray) -> None:
        """Take the indices of the layer above, int16 (rows, columns)."""
        self.grid = indices.shape[0], indices.shape[1]
        self.rows = flat(indices) + TABLE


@dataclass(frozen=True)
class Phase:
    """A phase is a set of cells that are decoded together.

    kind: which of the three kinds of neighbourhood they have. stride: how far apart they are. rows, columns: (N,) each,
    where they are, in raster order.
    """

    kind: str
    stride: int
    rows: np.ndarray
    columns: np.ndarray

    @property
    def scale_class(self) -> int:
        """Return the number that tells the network the stride: its base-2 logarithm."""
        return self.stride.bit_length() - 1

    def near(self, grid: tuple[int, int], part: slice | np.ndarray) -> np.ndarray:
        """Return the flat places of the neighbours of some cells, int64 (n, 16).

        grid: (rows, columns) of the layer. part: which cells of the phase. A place outside the grid is -1, and so are
        all places of the base, which has no neighbours yet.
        """
        offsets = np.array(OFFSETS[self.kind]) * self.stride
        r, c = self.rows[part, None] + offsets[:, 0], self.columns[part, None] + offsets[:, 1]
        inside = (r >= 0) & (r < grid[0]) & (c >= 0) & (c < grid[1]) & (self.stride < BASE_STRIDE)
        return np.where(inside, r * grid[1] + c, -1)

    def near_above(self, grid: tuple[int, int], part: slice | np.ndarray) -> np.ndarray:
        """Return the flat places of the nine nearest cells of the layer above, int64 (n, 9); -1 is outside.

        grid: (rows, columns) of the layer above. part: which cells of the phase.
        """
        offsets = np.array(ABOVE)
        r, c = (self.rows[part, None] >> 1) + offsets[:, 0], (self.columns[part, None] >> 1) + offsets[:, 1]
        inside = (r >= 0) & (r < grid[0]) & (c >= 0) & (c < grid[1])
        return np.where(inside, r * grid[1] + c, -1)

    def inputs(
        self, own: np.ndarray, grid: tuple[int, int], part: slice | np.ndarray, above: Above | None = None
    ) -> np.ndarray:
        """Return the rows of the embedding that some cells see, int16 (n, 16), or (n, 25) with the layer above.

        own: indices of the layer as `flat` gives them. grid: (rows, columns) of the layer. part: which cells of the
        phase.
        """
        near = own[self.near(grid, part)]
        return near if above is None else np.concatenate([near, above.rows[self.near_above(above.grid, part)]], 1)


@functools.lru_cache(maxsize=8)
def phases(rows: int, columns: int) -> tuple[Phase, ...]:
    """Return the phases that fill a grid, coarse to fine, without those that have no cells.

    The base has no known neighbours; the first kind of phase codes it.
    """
    every = [_phase(KINDS[0], BASE_STRIDE, np.arange(0, rows, BASE_STRIDE), np.arange(0, columns, BASE_STRIDE))]
    for t in STRIDES:
        even_rows, even_columns = np.arange(0, rows, 2 * t), np.arange(0, columns, 2 * t)
        odd_rows, odd_columns = np.arange(t, rows, 2 * t), np.arange(t, columns, 2 * t)
        every.append(_phase("diagonal", t, odd_rows, odd_columns))
        every.append(_phase("vertical", t, odd_rows, even_columns))
        every.append(_phase("horizontal", t, even_rows, odd_columns))
    return tuple(phase for phase in every if len(phase.rows))


def _phase(kind: str, stride: int, rows: np.ndarray, columns: np.ndarray) -> Phase:
    r, c = np.meshgrid(rows, columns, indexing="ij")
    return Phase(kind, stride, r.ravel(), c.ravel())


class Arithmetic(Protocol):
    """An arithmetic evaluates the network for `walk`; its values are integers in units of 1/32."""

    def logits(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        """Return the logits of the tree's nodes, int32 (n, 511).

        kind, scale_class: of the phase. near: the rows of the embedding that the cells see: the neighbours' indices
        (n, 16), 512 outside the grid, and with `above` those of the layer above plus 513, (n, 25) in all.
        """
        ...


class Coder(Protocol):
    """A coder writes or reads the indices of a chunk."""

    def __call__(self, logits: np.ndarray, places: np.ndarray, /) -> np.ndarray:
        """Return the indices (n,) of cells with these logits (n, 511) at these flat places in the grid (n,)."""
        ...


def walk(a: Arithmetic, grid: tuple[int, int], code: Coder, above: np.ndarray | None = None) -> np.ndarray:
    """Go through a grid phase by phase and chunk by chunk, and return its indices, int16 (rows, columns).

    a: what evaluates the network. grid: (rows, columns). code: what writes or reads each chunk; what it returns is what
    later cells see. above: the indices of the layer above, for a prior that sees them.
    """
    rows, columns = grid
    indices = flat(np.full(grid, OUTSIDE))
    over = None if above is None else Above(above)
    for phase in phases(rows, columns):
        for start in range(0, len(phase.rows), CHUNK):
            part = slice(start, start + CHUNK)
            near = phase.inputs(indices, grid, part, over)
            places = phase.rows[part] * columns + phase.columns[part]
            indices[places] = code(a.logits(phase.kind, phase.scale_class, near), places)
    return indices[:-1].reshape(rows, columns)


def flat(grid: np.ndarray) -> np.ndarray:
    """Return the indices of a grid in raster order, int16, and after them, at place -1, the index of all outside."""
    return np.append(grid.ravel(), OUTSIDE).astype(np.int16)


def table_of(logit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table (0..32) and the flip (0 or 1) of integer logits in units of 1/32.

    A bit is coded as bit xor flip: negative logits have the tables of positive ones. docs/FORMAT.md, "Bits".
    """
    quarter = np.clip((logit + 4) >> 3, 1 - N_TABLES, N_TABLES - 1)
    return np.abs(quarter), (quarter < 0).astype(np.int32)


def bit_tables() -> np.ndarray:
    """Return the frequencies of bits 0 and 1, int32 (33, 2), rows of sum 2**22: the logistic function at 0, 1/4 ... 8.

    These floats only make the tables that are stored with the weights; no decoder computes them.
    """
    ones = np.round(2**22 / (1 + np.exp(-np.arange(N_TABLES) / 4))).astype(np.int32)
    return np.stack([2**22 - ones, ones], 1)


def tree_order(codebook: np.ndarray) -> np.ndarray:
    """Order codes by a balanced tree: halves, quarters ... are split at the median of their main direction.

    codebook: (512, dim). Returns (512,), which code takes each place; a place's bits are its path from the root.
    """

    def split(members: np.ndarray) -> np.ndarray:
        if len(members) == 1:
            return members
        centred = codebook[members] - codebook[members].mean(0)
        main = np.linalg.svd(centred, full_matrices=False)[2][0]
        main = main * np.sign(main[np.abs(main).argmax()])  # the sign of a singular vector is nobody's choice
        order = members[np.argsort(centred @ main, kind="stable")]
        half = len(members) // 2
        return np.concatenate([split(order[:half]), split(order[half:])])

    return split(np.arange(len(codebook)))
