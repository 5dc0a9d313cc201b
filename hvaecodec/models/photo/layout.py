"""The order in which the DCT context is coded: levels, bands, steps, and the lattice phases of the DC picture.

A tile's coefficients form a pyramid: C[:k, :k] is the DCT of its k x k thumbnail. Level 0 is the DC picture; level j
(k = 2**j) adds the three bands that double the resolution, H (fine across), V (fine down) and D (both), first those of
luma, one after the other, then all six of chroma at once. The finest luma bands come in two *halves*, places with even
u + v and then those with odd. A *step* is what gets its tables from one pass of the network: bands, or one half of one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

N_LEVELS = 6  # DC, then k = 2, 4, 8, 16, 32
TILE = 1 << (N_LEVELS - 1)  # pixels on each side of a tile
BASE_STRIDE = 16  # tiles between the DCs that are coded without neighbours
SPLIT_FROM = 4  # luma bands of this stream level and finer ones come in halves
N_PLACES = 3 * TILE * TILE  # coefficients of a tile


@dataclass(frozen=True)
class Band:
    """Coefficients (u, v) of one colour channel: u in [u0, u0 + n), v in [v0, v0 + n)."""

    channel: int
    u0: int
    v0: int
    n: int

    @property
    def where(self) -> tuple[int, slice, slice]:
        """The index of the band's coefficients in an array (3, 32, 32, ...)."""
        return self.channel, slice(self.u0, self.u0 + self.n), slice(self.v0, self.v0 + self.n)


@dataclass(frozen=True)
class Step:
    """The coefficients of a stream level that one pass codes, for all tiles at once. `name` keys the weights.

    half: 0 or 1 for the places of the only band with even or odd u + v, None for all places of all bands.
    """

    name: str
    stream_level: int
    bands: tuple[Band, ...]
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


def _corners(half: int) -> dict[str, tuple[int, int]]:
    return {"h": (0, half), "v": (half, 0), "d": (half, half)}


def _make_steps() -> tuple[Step, ...]:
    steps = []
    for stream_level in range(1, N_LEVELS):
        n = 1 << (stream_level - 1)
        corners = _corners(n)
        for letter, (u, v) in corners.items():
            name, bands = f"{2 * n}y{letter}", (Band(0, u, v, n),)
            if stream_level < SPLIT_FROM:
                steps.append(Step(name, stream_level, bands))
            else:
                steps += [Step(f"{name}{half}", stream_level, bands, half) for half in (0, 1)]
        chroma = tuple(Band(c, u, v, n) for c in (1, 2) for u, v in corners.values())
        steps.append(Step(f"{2 * n}c", stream_level, chroma))
    return tuple(steps)


STEPS: tuple[Step, ...] = _make_steps()

# Neighbours of an unknown DC, in strides (rows, columns): the diagonal phase sees the coarser lattice, the cross phase
# also what the diagonal phase has filled in. The four nearest come first.
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1)) + (
    (-1, -3), (-1, 3), (1, -3), (1, 3), (-3, -1), (-3, 1), (3, -1), (3, 1))  # fmt: skip
CROSS = ((-1, 0), (0, -1), (0, 1), (1, 0)) + (
    (-1, -2), (-1, 2), (1, -2), (1, 2), (-2, -1), (-2, 1), (2, -1), (2, 1))  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """The DCs that are decoded together. at: (N,) flat tile indices. near: (N, 12) those of known neighbours."""

    kind: str  # "diagonal" or "cross"
    stride: int
    at: np.ndarray
    near: np.ndarray

    @property
    def scale_class(self) -> int:
        """The number of the set of interpolation weights that applies: 0, 1 and 2 for strides 1, 2, and 4 or more."""
        return min(self.stride.bit_length() - 1, 2)


@functools.lru_cache(maxsize=64)
def dc_base(height: int, width: int) -> np.ndarray:
    """Return the flat indices of the DCs on the coarsest lattice of a (height, width) tile grid, in raster order."""
    tiles = np.arange(height * width).reshape(height, width)
    return tiles[::BASE_STRIDE, ::BASE_STRIDE].ravel()


@functools.lru_cache(maxsize=64)
def dc_phases(height: int, width: int) -> tuple[Phase, ...]:
    """Return the phases that fill the DC picture of a (height, width) tile grid, coarse to fine, without empty ones.

    A neighbour outside the picture is replaced by one that always exists: up-left in the diagonal phase, left (or up,
    in even columns) in the cross phase.
    """
    phases = []
    stride = BASE_STRIDE // 2
    while stride >= 1:
        rows, cols = (np.arange(0, n, stride) for n in (height, width))
        r, c = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
        odd_r, odd_c = (r // stride) % 2 == 1, (c // stride) % 2 == 1
        for kind, offsets, mask in (("diagonal", DIAGONAL, odd_r & odd_c), ("cross", CROSS, odd_r ^ odd_c)):
            if mask.any():
                near = _near(offsets, stride, r[mask], c[mask], (height, width))
                phases.append(Phase(kind, stride, r[mask] * width + c[mask], near))
        stride //= 2
    return tuple(phases)


def _near(
    offsets: tuple[tuple[int, int], ...], stride: int, r: np.ndarray, c: np.ndarray, grid: tuple[int, int]
) -> np.ndarray:
    """Flat indices, (N, 12), of the neighbours at `offsets`, in strides, of the DCs in rows r and columns c, (N,)."""
    height, width = grid
    dr, dc = (np.array(o) * stride for o in zip(*offsets, strict=True))
    nr, nc = r[:, None] + dr, c[:, None] + dc
    inside = (nr >= 0) & (nr < height) & (nc >= 0) & (nc < width)
    if offsets is DIAGONAL:
        anchor = (r - stride) * width + (c - stride)
    else:
        odd_column = (c // stride) % 2 == 1
        anchor = np.where(odd_column, r * width + c - stride, (r - stride) * width + c)
    return np.where(inside, nr * width + nc, anchor[:, None])


def levels_of(symbols: np.ndarray) -> list[np.ndarray]:
    """Divide symbols (3, 32, 32, rows, columns) by stream level, coarse to fine.

    Level 0 is the DCs, (3, rows, columns); level j the bands H, V, D of k = 2**j, (3, 3, k / 2, k / 2, rows, columns)
    as (channel, band, u, v, tile row, tile column).
    """
    levels = [symbols[:, 0, 0].copy()]
    for stream_level in range(1, N_LEVELS):
        half = 1 << (stream_level - 1)
        corners = _corners(half).values()
        levels.append(np.stack([symbols[:, u : u + half, v : v + half] for u, v in corners], 1))
    return levels
