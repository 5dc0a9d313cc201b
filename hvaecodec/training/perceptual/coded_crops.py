"""Photos to train the perceptual generator on, as files have them, with the first generator's pictures of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.codec.photo.weights import PhotoWeights
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.layout import TILE
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.photo.coding import picture_of
from hvaecodec.training.place import Place
from hvaecodec.training.recipes.perceptual import PerceptualTraining

_CELLS = 2  # of the maps of shapes on a tile's side


@dataclass(frozen=True)
class CodedCrops:
    """Crops of one size, as photos and as a decoder has them; pictures are RGB in 0..255, (B, 3, H, W).

    photo: the original. dequantised: the picture of its symbols. smooth: the first generator's at temperature 0.
    shapes: int64 (B, 2, H / 16, W / 16). step_index: (B,). bpp: of the level streams, (B,).
    """

    photo: Tensor
    dequantised: Tensor
    smooth: Tensor
    shapes: Tensor
    step_index: Tensor
    bpp: Tensor

    @property
    def pictures(self) -> tuple[Tensor, Tensor, Tensor]:
        """Those of the fields that are pictures."""
        return self.photo, self.dequantised, self.smooth

    def cut(self, row: int, column: int, tiles: int) -> CodedCrops:
        """Cut squares of `tiles` on a side, whose upper left tile has this row and column."""
        pixels, cells = (
            tuple(slice(n * first, n * (first + tiles)) for first in (row, column)) for n in (TILE, _CELLS)
        )
        photo, dequantised, smooth = (x[:, :, pixels[0], pixels[1]] for x in self.pictures)
        return replace(
            self, photo=photo, dequantised=dequantised, smooth=smooth, shapes=self.shapes[:, :, cells[0], cells[1]]
        )

    def repeated(self, count: int) -> CodedCrops:
        """Return these and once more the first `count` of them."""
        return CodedCrops(*(torch.cat([x, x[:count]]) for x in vars(self).values()))

    def to(self, device: torch.device) -> CodedCrops:
        """Return them on a device, pictures as float32 and numbers as int64."""
        photo, dequantised, smooth = (x.to(device).float() for x in self.pictures)
        shapes, step_index, bpp = (x.to(device) for x in (self.shapes, self.step_index, self.bpp))
        return CodedCrops(photo, dequantised, smooth, shapes.long(), step_index, bpp)


def join(parts: list[CodedCrops]) -> CodedCrops:
    """Return the crops of several, one after the other."""
    return CodedCrops(*(torch.cat(column) for column in zip(*(vars(part).values() for part in parts), strict=True)))


class Coder:
    """Codes photos as files are coded, with the real search, and adds the first generator's pictures of them.

    weights: the codec's. smooth: the first generator, in evaluation mode on the place's device.
    """

    def __init__(self, config: PerceptualTraining, weights: PhotoWeights, smooth: Generator, place: Place) -> None:
        self.config, self.weights, self.smooth, self.place = config, weights, smooth, place
        self.search = SearchConfig(passes=(0, config.passes, config.passes), adapted=0)
        self.delta = step_table()

    def draw_setting(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw a step index, mostly a coarse one, and an effort."""
        last = self.config.coarse_index if rng.random() < self.config.coarse else N_INDICES - 1
        return int(rng.integers(last + 1)), 2 if rng.random() < self.config.refined else 1

    @torch.no_grad()
    def code(self, photo: Tensor, step_index: int, effort: int) -> CodedCrops:
        """Code one photo, uint8 (3, H, W) of whole tiles; what is kept of it lies in little memory on the CPU."""
        pixels = np.ascontiguousarray(photo.permute(1, 2, 0).numpy())
        coded = encode_picture(self.weights, pixels, step_index, effort, self.search)
        symbols = torch.from_numpy(coded.context.symbols)[None].float()
        shapes = torch.from_numpy(coded.context.shapes)[None].long()
        index = torch.tensor([step_index])
        dequantised = picture_of(symbols, shapes, self.delta[index])
        device = self.place.device
        with self.place.autocast():
            smooth = self.smooth(dequantised.to(device), shapes.to(device), index.to(device)).cpu()
        bpp = torch.tensor([8 * sum(map(len, coded.streams)) / pixels[..., 0].size])
        return CodedCrops(photo[None], dequantised.half(), smooth.half(), shapes.byte(), index, bpp)
