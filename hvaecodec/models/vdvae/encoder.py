"""The bottom-up half of `models.vdvae.net`: features of a picture at every scale, fine to coarse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.vdvae.blocks import Cell
from hvaecodec.models.vdvae.config import VdvaeConfig

_TINY = 1e-12


class Encoder(nn.Module):
    """Bottom-up features; `steps` is the order in which cells are applied, (cell, side after it)."""

    def __init__(self, config: VdvaeConfig) -> None:
        super().__init__()
        self.config = config
        cells, fine = config.cells, config.scales[-1]
        kernel = 3 if cells.down == "own" else 1
        inputs = config.channels * (1 + 2 * len(config.fourier))
        self.enter = nn.Conv2d(inputs, fine.width, kernel, padding=kernel // 2)
        made: list[Cell] = []
        self.steps: list[tuple[int, int]] = []
        self.last: list[list[int]] = []  # of every scale, coarse to fine: the steps whose results its layers see
        side, width = config.side, fine.width
        for number in reversed(range(len(config.scales))):
            scale, mine = config.scales[number], []
            for i in range(scale.encoder):
                for j in range(scale.resnet):
                    made.append(Cell(cells, width, scale.width, side, order="before"))
                    width = scale.width
                    if i == 0 and j == scale.resnet - 1 and cells.down == "first":
                        side = scale.side
                    self.steps += [(len(made) - 1, side)] * scale.repeats
                mine.append(len(self.steps) - 1)
            self.last.insert(0, mine)
            if number and cells.down == "own":
                below = config.scales[number - 1]
                made.append(Cell(cells, width, below.width, side, order="before"))
                width, side = below.width, below.side
                self.steps.append((len(made) - 1, side))
                # without cells of its own, the next scale sees this one's result
                if not below.encoder:
                    raise ValueError(f"scale {below.side} needs a cell in the encoder")
        self.cells = nn.ModuleList(made)
        if cells.down == "own":
            for cell in made:
                cell.last.weight.data *= math.sqrt(1 / len(self.steps))

    def forward(self, x: Tensor, run: Callable[..., Any]) -> list[Tensor]:
        """The result of every step, fine to coarse. x: scaled pictures (B, C, H, W)."""
        if self.config.fourier:
            waves = [f(x * (math.pi * 2**n)) for n in self.config.fourier for f in (torch.sin, torch.cos)]
            x = torch.cat([x, *waves], 1)
        h = self.enter(x)
        found = []
        for cell, side in self.steps:
            h = run(self.cells[cell], normalised(h, self.config.normalise))
            if side != h.shape[-1]:
                h = F.avg_pool2d(h, h.shape[-1] // side)
            found.append(h)
        return found


def normalised(state: Tensor, how: Literal["no", "unit", "rms"]) -> Tensor:
    """The state over its L2 norm of each picture ("unit"), or over its root mean square ("rms")."""
    if how == "no":
        return state
    norm = state.float().flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None, None]
    if how == "rms":
        norm = norm / math.sqrt(state[0].numel())
    return (state / norm).to(state.dtype)
