"""Measures a stack of `hqa-photo` in training, layer by layer: PSNR, LPIPS, bits and the use of its codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.entropy.bits import BitTables
from hvaecodec.codec.hqa.index_stream import encode_indices
from hvaecodec.models.hqa.index_prior import Arithmetic
from hvaecodec.models.hqa.losses import perplexity
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.models.philox import uniforms
from hvaecodec.training.data import corners
from hvaecodec.training.perceptual.lpips_loss import LpipsLoss
from hvaecodec.training.validation import psnr_db

_PICTURES = 6
_MORE = 48  # that the use of codes is counted on
_SIDE = 256


class StackValidation:
    """Measures every layer of a stack on corners of photos.

    priors, tables: the index priors of the codec that training began with. Codes move under them, so that their bits
    are more than those of priors that are trained anew: a bound from above.
    """

    def __init__(
        self, photos: Sequence[np.ndarray], lpips: LpipsLoss, priors: Sequence[Arithmetic], tables: BitTables
    ) -> None:
        self.lpips, self.priors, self.tables = lpips, priors, tables
        self.pictures = corners(photos[:_MORE], _SIDE)

    def __call__(self, stack: HqaStack) -> dict[str, Any]:
        """Return by layer, counted from 1, what is measured of it."""
        return {f"layer{number + 1}": self._layer(stack, number) for number in range(len(stack))}

    def _layer(self, stack: HqaStack, number: int) -> dict[str, float]:
        indices = torch.cat(
            [stack.indices(x.to(self.lpips.place.device) / 255, number) for x in self.pictures.split(4)]
        )
        counts = torch.bincount(indices.flatten(), minlength=stack[number].config.codes)
        few, photo = indices[:_PICTURES], self.pictures[:_PICTURES].to(indices.device)
        grids = few.cpu().numpy().astype(np.int16)
        bits = sum(encode_indices(self.priors[number], self.tables, grid)[1] for grid in grids)
        use = perplexity(counts)
        out = {"bits_per_cell": bits / grids.size, "entropy": float(np.log2(use)), "code_use": use / len(counts)}
        for temperature in (0, 1):
            x = self._picture(stack, few, number, temperature)
            out[f"psnr_db_{temperature}"] = psnr_db(x, photo)
            out[f"lpips_{temperature}"] = float(self.lpips.plain(photo, x))
        return {name: round(value, 4) for name, value in out.items()}

    def _picture(self, stack: HqaStack, indices: Tensor, number: int, temperature: int) -> Tensor:
        """Return pictures in 0..255, whole grey levels, as the codec decodes them."""
        x = stack.decode(indices, number, _numbers if temperature else None)
        return (255 * x).round()


def _numbers(layer_number: int, grid: tuple[int, int]) -> np.ndarray:
    """Return the numbers that the codec draws a layer's codes with, under seed 0."""
    return uniforms(0, layer_number, (*grid, 1), 0, grid[0])[0]
