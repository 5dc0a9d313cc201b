"""The bottom-up half of `models.vdvae.net` makes features of a picture at every scale, fine to coarse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.vdvae.blocks import Cell
from hvaecodec.models.vdvae.config import Scale, VdvaeConfig

_TINY = 1e-12  # the smallest norm that a state is divided by


class Encoder(nn.Module):
    """The encoder makes bottom-up features of a picture, which the posteriors of the top-down half see.

    steps: the order in which cells are applied, as (number of the cell, side of the picture after it). last: for every
    scale, coarse to fine, the numbers of the steps whose results its layers see.
    """

    def __init__(self, config: VdvaeConfig) -> None:
        """Make an encoder with random weights.

        Raises ValueError if a scale has no cell in the encoder that its layers could see.
        """
        super().__init__()
        self.config = config
        fine, inputs = config.scales[-1], config.channels * (1 + 2 * len(config.fourier))
        kernel = 3 if config.cells.down == "own" else 1
        self.enter = nn.Conv2d(inputs, fine.width, kernel, padding=kernel // 2)
        cells: list[Cell] = []
        self.steps: list[tuple[int, int]] = []
        self.last: list[list[int]] = []
        side, width = config.side, fine.width
        for scale_number in reversed(range(len(config.scales))):
            side, width = self._add_scale(cells, scale_number, side, width)
            if scale_number and config.cells.down == "own":
                side, width = self._add_way_down(cells, config.scales[scale_number - 1], side, width)
        self.cells = nn.ModuleList(cells)
        if config.cells.down == "own":
            for cell in cells:
                cell.last.weight.data *= math.sqrt(1 / len(self.steps))

    def forward(self, x: Tensor, run: Callable[..., Any]) -> list[Tensor]:
        """Return the result of every step, fine to coarse.

        x: scaled pictures (B, C, H, W). run: calls a cell with its state, with checkpointing or without.
        """
        if self.config.fourier:
            waves = [f(x * (math.pi * 2**n)) for n in self.config.fourier for f in (torch.sin, torch.cos)]
            x = torch.cat([x, *waves], 1)
        h = self.enter(x)
        features = []
        for cell, side in self.steps:
            h = run(self.cells[cell], normalised(h, self.config.normalise))
            if side != h.shape[-1]:
                h = F.avg_pool2d(h, h.shape[-1] // side)
            features.append(h)
        return features

    def _add_scale(self, cells: list[Cell], scale_number: int, side: int, width: int) -> tuple[int, int]:
        """Append the cells of a scale, and its steps; return side and width of the state after it."""
        config, scale = self.config, self.config.scales[scale_number]
        ends: list[int] = []
        for i in range(scale.encoder):
            for j in range(scale.resnet):
                cells.append(Cell(config.cells, width, scale.width, side, order="before"))
                width = scale.width
                if i == 0 and j == scale.resnet - 1 and config.cells.down == "first":
                    side = scale.side
                self.steps += [(len(cells) - 1, side)] * scale.repeats
            ends.append(len(self.steps) - 1)
        self.last.insert(0, ends)
        return side, width

    def _add_way_down(self, cells: list[Cell], coarser: Scale, side: int, width: int) -> tuple[int, int]:
        """Append the cell that takes the state to the next coarser scale, and its step; return side and width there."""
        cells.append(Cell(self.config.cells, width, coarser.width, side, order="before"))
        self.steps.append((len(cells) - 1, coarser.side))
        if not coarser.encoder:  # its layers would have no result to see
            raise ValueError(f"scale {coarser.side} needs a cell in the encoder")
        return coarser.side, coarser.width


def normalised(state: Tensor, how: Literal["no", "unit", "rms"]) -> Tensor:
    """Divide the state (B, C, h, w) of each picture by its L2 norm ("unit") or by its root mean square ("rms").

    arXiv:2301.08187, section 3.2, normalises the state at every block; "no" leaves it as it is.
    """
    if how == "no":
        return state
    norm = state.float().flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None, None]
    if how == "rms":
        norm = norm / math.sqrt(state[0].numel())
    return (state / norm).to(state.dtype)
