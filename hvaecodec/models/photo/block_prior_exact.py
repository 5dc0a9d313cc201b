"""The prior over tiles of different blocks in integers: the `BlockArithmetic` of decoding, exact on every device."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.photo.block_prior_layers import BlockStep, layer_shapes
from hvaecodec.models.photo.block_prior_numpy import shape_features, tile_classes
from hvaecodec.models.photo.block_shapes import TILE_CLASSES
from hvaecodec.models.photo.prior_exact import ExactArithmetic, to_quarters
from hvaecodec.models.photo.prior_trainable import linear_patch


class BlockExactArithmetic(ExactArithmetic):
    """`block_prior_walk.BlockArithmetic` over exported integers with PyTorch; arrays are float32 tensors of integers.

    Maps of shapes are numpy arrays.
    """

    layer_shapes = staticmethod(layer_shapes)

    def shape_features(self, shapes: np.ndarray) -> Tensor:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 32 and 0."""
        return self.tensor(shape_features(shapes).astype(np.float32))

    def take(self, features: Tensor, tiles: np.ndarray) -> Tensor:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.flatten(2)[:, :, self.tensor(tiles)][..., None]

    def class_linear(self, step: BlockStep, symbols: Tensor, shapes: np.ndarray) -> Tensor:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns)."""
        classes = self.tensor(tile_classes(shapes)[:, step.map_number])
        means = []
        for i, band in enumerate(step.bands):
            patch = F.pad(linear_patch(step, band, symbols).double(), (1, 1, 1, 1), mode="replicate")
            weight = self.tables[f"linear_{step.name}_{i}"].flatten(0, 1).flatten(1)
            every = (weight @ F.unfold(patch, 3)).unflatten(1, (TILE_CLASSES, -1)).unflatten(3, symbols.shape[-2:])
            means.append(of_class(every, classes))
        return to_quarters(torch.cat(means, 1))


def of_class(every: Tensor, classes: Tensor) -> Tensor:
    """Return of predictions by every class, (B, 4, n, rows, columns), those of each tile's own, (B, n, rows, columns).

    classes: int64 (B, rows, columns).
    """
    where = classes[:, None, None].expand(-1, -1, every.shape[2], -1, -1)
    return every.gather(1, where)[:, 0]
