"""The prior over tiles of different blocks in plain numpy: the reference for `block_prior_exact`, without PyTorch."""

from __future__ import annotations

import numpy as np

from hvaecodec.models.exact_bound import UNIT
from hvaecodec.models.photo.block_prior_layers import BlockStep, layer_shapes
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT, linear_inputs
from hvaecodec.models.photo.prior_numpy import NumpyArithmetic, correlate, replicate, shift


class BlockNumpyArithmetic(NumpyArithmetic):
    """A `block_prior_walk.BlockArithmetic` over the integers that `prior_exact.export_integers` stores."""

    layer_shapes = staticmethod(layer_shapes)

    def shape_features(self, shapes: np.ndarray) -> np.ndarray:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 32 and 0."""
        return shape_features(shapes)

    def take(self, features: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.reshape(*features.shape[:2], -1)[:, :, tiles][..., None]

    def class_linear(self, step: BlockStep, symbols: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns)."""
        batch, *_, rows, columns = symbols.shape
        classes = tile_classes(shapes)[:, step.map_number]
        means = []
        for i, band in enumerate(step.bands):
            inputs = [symbols[:, c, u, v].reshape(batch, -1, rows, columns) for c, u, v in linear_inputs(step, band)]
            padded = replicate(np.concatenate(inputs, 1))
            every = np.stack([correlate(weight, padded) for weight in self.weights[f"linear_{step.name}_{i}"]], 1)
            means.append(np.take_along_axis(every, classes[:, None, None], 1)[:, 0])
        return shift(np.concatenate(means, 1), LINEAR_SHIFT - 2)


def shape_features(shapes: np.ndarray) -> np.ndarray:
    """Return the one-hot features of maps (B, 2, 2 rows, 2 columns): 32 or 0 by map, quadrant and shape.

    They are int64 (B, 56, rows, columns).
    """
    quadrants = np.stack([shapes[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 2)
    b, _, _, rows, columns = quadrants.shape
    hot = quadrants[:, :, :, None] == np.arange(len(SHAPES))[:, None, None]
    return UNIT * hot.reshape(b, -1, rows, columns).astype(np.int64)


def tile_classes(shapes: np.ndarray) -> np.ndarray:
    """Return the class of every tile of maps (B, 2, 2 rows, 2 columns), 0..3, int64 (B, 2, rows, columns)."""
    return np.minimum(shapes[:, :, ::2, ::2], WHOLE).astype(np.int64)
