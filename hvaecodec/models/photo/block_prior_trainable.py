"""The trainable prior over tiles of different blocks: floats with gradients, rounded like integers on request."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.photo.bit_counter import BitCounter
from hvaecodec.models.photo.block_prior_exact import of_class
from hvaecodec.models.photo.block_prior_layers import BlockPriorConfig, BlockStep, layer_shapes
from hvaecodec.models.photo.block_prior_walk import walk
from hvaecodec.models.photo.block_shapes import SHAPES, TILE_CLASSES, WHOLE
from hvaecodec.models.photo.fused_mass import fused_log2_mass
from hvaecodec.models.photo.layout import Band, Step
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT
from hvaecodec.models.photo.prior_trainable import PriorNet, linear_patch


class BlockPriorNet(PriorNet):
    """The weights of the prior and the float `block_prior_walk.BlockArithmetic` over them."""

    layer_shapes = staticmethod(layer_shapes)

    def __init__(self, config: BlockPriorConfig | None = None) -> None:
        super().__init__(config or BlockPriorConfig())

    @staticmethod
    def empty_table(band: Band, inputs: int) -> Tensor:
        """Return linear predictions of zero for every class of tile, (4, n^2, inputs, 3, 3)."""
        return torch.zeros(TILE_CLASSES, band.n**2, inputs, 3, 3)

    def shape_features(self, shapes: Tensor) -> Tensor:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 1 and 0."""
        quadrants = [shapes[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        one_hot = F.one_hot(torch.stack(quadrants, 2), len(SHAPES))  # (B, 2, 4, rows, columns, 7)
        return one_hot.permute(0, 1, 2, 5, 3, 4).flatten(1, 3).float()

    def take(self, features: Tensor, tiles: np.ndarray) -> Tensor:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.flatten(2)[:, :, torch.as_tensor(tiles)][..., None]

    def class_linear(self, step: BlockStep, symbols: Tensor, shapes: Tensor) -> Tensor:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns)."""
        classes = tile_classes(shapes)[:, step.map_number]
        with torch.no_grad(), torch.autocast(symbols.device.type, enabled=False):
            means = []
            for i, band in enumerate(step.bands):
                weight = getattr(self, f"linear_{step.name}_{i}") / 2 ** (LINEAR_SHIFT - 2)
                patch = F.pad(linear_patch(step, band, symbols.float()), (1, 1, 1, 1), mode="replicate")
                every = F.conv2d(patch, weight.flatten(0, 1)).unflatten(1, (TILE_CLASSES, -1))
                means.append(of_class(every, classes))
            return torch.round(torch.cat(means, 1))

    def bits(self, symbols: Tensor, step_index: Tensor, shapes: Tensor) -> list[Tensor]:  # type: ignore[override]
        """Return the bits of each stream level, six scalars summed over the batch.

        Those of the shapes and of the coarsest DCs are not among them. symbols: (B, 3, 32, 32, rows, columns).
        step_index: step indices (B,). shapes: int64 (B, 2, 2 rows, 2 columns).
        """
        counter = BlockBitCounter(self, symbols)
        walk(self, (symbols.shape[-2], symbols.shape[-1]), step_index, shapes, counter)
        return counter.levels


class BlockBitCounter(BitCounter):
    """A `BitCounter` for the walk over tiles of different blocks."""

    mass = staticmethod(fused_log2_mass)

    def values_of(self, step: Step) -> Tensor:
        """Return a step's symbols, (B, n, rows, columns)."""
        assert isinstance(step, BlockStep)
        return values_at(self.symbols, step)


def tile_classes(shapes: Tensor) -> Tensor:
    """Return the class of every tile of maps (B, 2, 2 rows, 2 columns), 0..3, int64 (B, 2, rows, columns)."""
    return shapes[:, :, ::2, ::2].clamp(max=WHOLE)


def values_at(symbols: Tensor, step: BlockStep) -> Tensor:
    """Return the symbols of a step, (B, n, rows, columns), from all of (B, 3, 32, 32, rows, columns)."""
    return symbols.flatten(1, 3)[:, torch.from_numpy(step.places)]
