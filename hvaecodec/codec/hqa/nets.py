"""What the walk of `hqa-photo` needs nets for: one protocol, which a backend in `codec.backends` implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.weights import Generators
from hvaecodec.models.hqa.index_prior import Arithmetic


class HqaNets(Protocol):
    """The nets of one folder of weights. Layers are counted from 0, the bottom layer, whose cells are 2 x 2 pixels."""

    @property
    def generators(self) -> Generators:
        """The generators of the folder, by digest."""
        ...

    @property
    def arithmetic(self) -> Sequence[Arithmetic]:
        """The index prior of every layer, in exact integers, the bottom layer first."""
        ...

    def to_indices(self, pixels: np.ndarray, layer: int) -> np.ndarray:
        """Encode a uint8 (H, W) or (H, W, 3) picture with the newest generator.

        Returns the indices of the nearest codes of a layer, int16 (rows, columns), see `blocks.index_grid`.
        """
        ...

    def to_picture(self, indices: np.ndarray, layer: int, generator: bytes, settings: Decoding) -> np.ndarray:
        """Decode a layer's indices, int16 (rows, columns), with the generator of a digest in `generators.paths`.

        `settings` say the temperature and the seed. Returns uint8 (rows * cell, columns * cell, 3) with cells of
        2**(layer + 1) pixels. Raises CodecUnavailable.
        """
        ...
