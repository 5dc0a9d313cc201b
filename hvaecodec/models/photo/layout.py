"""The order in which the DCT context is coded: levels, bands, steps, and the lattice phases of the DC picture.

A tile's coefficients form a pyramid: C[:k, :k] is the DCT of its k x k thumbnail. Level 0 is the DC picture; level j
(k = 2**j) adds the three bands that double the resolution, H (fine across), V (fine down) and D (both), first those of
luma, one after the other, then all six of chroma at once. A *step* is what one network pass prices.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

N_LEVELS = 6  # DC, then k = 2, 4, 8, 16, 32
BASE_STRIDE = 16  # tiles between the DCs that are coded without neighbours


@dataclass(frozen=True)
class Band:
    """Coefficients (u, v) of one colour channel: u in [u0, u0 + n), v in [v0, v0 + n)."""

    channel: int
    u0: int
    v0: int
    n: int

    @property
    def where(self) -> tuple[int, slice, slice]:
        return self.channel, slice(self.u0, self.u0 + self.n), slice(self.v0, self.v0 + self.n)


@dataclass(frozen=True)
class Step:
    """What one pass codes: `bands` of `level`, all tiles at once. `name` keys the weights."""

    name: str
    level: int
    bands: tuple[Band, ...]

    @property
    def size(self) -> int:
        """Coefficients a tile has in this step."""
        return sum(band.n * band.n for band in self.bands)


def _corners(half: int) -> dict[str, tuple[int, int]]:
    return {"h": (0, half), "v": (half, 0), "d": (half, half)}


def _make_steps() -> tuple[Step, ...]:
    steps = []
    for level in range(1, N_LEVELS):
        half = 1 << (level - 1)
        corners = _corners(half)
        for name, (u, v) in corners.items():
            steps.append(Step(f"{2 * half}y{name}", level, (Band(0, u, v, half),)))
        chroma = tuple(Band(c, u, v, half) for c in (1, 2) for u, v in corners.values())
        steps.append(Step(f"{2 * half}c", level, chroma))
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
    """DCs decoded together. `at`: (N,) flat tile indices; `near`: (N, 12) flat indices of known neighbours."""

    kind: str  # "diagonal" or "cross"
    stride: int
    at: np.ndarray
    near: np.ndarray

    @property
    def scale_class(self) -> int:
        """Which of the three sets of interpolation weights applies: strides 1, 2, and 4 or more."""
        return min(self.stride.bit_length() - 1, 2)


@functools.lru_cache(maxsize=64)
def dc_base(height: int, width: int) -> np.ndarray:
    """Flat indices of the DCs on the coarsest lattice of a (height, width) tile grid, raster order."""
    index = np.arange(height * width).reshape(height, width)
    return index[::BASE_STRIDE, ::BASE_STRIDE].ravel()


@functools.lru_cache(maxsize=64)
def dc_phases(height: int, width: int) -> tuple[Phase, ...]:
    """The phases that fill the DC picture of a (height, width) tile grid, coarse to fine; empty phases are left out.

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
                phases.append(_phase(kind, offsets, stride, r[mask], c[mask], height, width))
        stride //= 2
    return tuple(phases)


def _phase(
    kind: str, offsets: tuple[tuple[int, int], ...], stride: int, r: np.ndarray, c: np.ndarray, height: int, width: int
) -> Phase:
    dr, dc = (np.array(o) * stride for o in zip(*offsets, strict=True))
    nr, nc = r[:, None] + dr, c[:, None] + dc
    inside = (nr >= 0) & (nr < height) & (nc >= 0) & (nc < width)
    if kind == "diagonal":
        anchor = (r - stride) * width + (c - stride)
    else:
        odd_column = (c // stride) % 2 == 1
        anchor = np.where(odd_column, r * width + c - stride, (r - stride) * width + c)
    near = np.where(inside, nr * width + nc, anchor[:, None])
    return Phase(kind, stride, r * width + c, near)
