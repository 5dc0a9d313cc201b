"""The DCT blocks that a 32 x 32 tile may be divided into, by number, and what is arithmetic about them.

A tile is one block, two halves, or four quadrants; a quadrant is one block, four of 8 x 8, or two halves. A map of
*shapes* names the block that covers each quadrant: numbers of `SHAPES` on a grid of 2 x 2 to a tile, the first `WHOLE`
of which cover all four quadrants of a tile or none. A picture has two maps, that of luma and that of chroma.
"""

from __future__ import annotations

from dataclasses import dataclass

from hvaecodec.models.photo.layout import TILE

HALF = TILE // 2  # pixels on each side of a quadrant


@dataclass(frozen=True)
class Shape:
    """A block has rows and columns of pixels; region: the side of the square that blocks of this shape tile."""

    rows: int
    columns: int
    region: int

    @property
    def down(self) -> bool:
        """Whether the region has two or more blocks one above the other."""
        return self.rows < self.region

    @property
    def across(self) -> bool:
        """Whether the region has two or more blocks beside each other."""
        return self.columns < self.region


SHAPES = (
    Shape(32, 32, TILE),
    Shape(16, 32, TILE),
    Shape(32, 16, TILE),
    Shape(16, 16, HALF),
    Shape(8, 8, HALF),
    Shape(8, 16, HALF),
    Shape(16, 8, HALF),
)
WHOLE = 3  # shapes from this number on cover a quadrant
TILE_CLASSES = WHOLE + 1  # the shapes of whole tiles, and one class for all tiles of quadrants

# Bits that name the shape of a whole tile (three), of a quadrant (four), and that say that a tile has quadrants; for
# luma and for chroma, the means of static tables with neighbours as contexts.
NAME_BITS = ((1.0, 3.1, 3.1, 1.3, 2.4, 2.2, 2.2), (0.5, 3.0, 3.1, 0.9, 3.1, 2.6, 2.7))
DIVIDED_BITS = (1.5, 2.8)
