"""What both sides know of a picture before its first symbol, and the slices that it is coded in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hvaecodec.models.photo.layout import TILE

SLICE_ROWS = 64  # rows of tiles that are coded on their own: a part of the format (docs/FORMAT.md)


@dataclass(frozen=True)
class Frame:
    """A frame has a grid of (rows, columns) of tiles and a step index; of grey, chroma is zero and not coded.

    first: whether it is the first slice of its picture, which holds what belongs to the whole.
    """

    grid: tuple[int, int]
    step_index: int
    grey: bool = False
    first: bool = True

    @classmethod
    def of(cls, height: int, width: int, step_index: int, grey: bool) -> Frame:
        """Return the frame of a picture of height x width pixels."""
        return cls((-(-height // TILE), -(-width // TILE)), step_index, grey)

    @property
    def slices(self) -> list[slice]:
        """The rows of tiles of every slice, from the top."""
        rows = self.grid[0]
        return [slice(top, min(top + SLICE_ROWS, rows)) for top in range(0, rows, SLICE_ROWS)]

    def within(self, rows: slice) -> Frame:
        """Return the frame of some rows of tiles."""
        return replace(self, grid=(rows.stop - rows.start, self.grid[1]), first=rows.start == 0)
