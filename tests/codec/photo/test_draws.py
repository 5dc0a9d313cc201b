"""Latents above temperature 0 are as docs/FORMAT.md promises: mean + temperature * sigma * n at its own place."""

from __future__ import annotations

import numpy as np
import torch

from hvaecodec.codec.backends.torch_photo_blocks import render_bands
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.render import Draws
from hvaecodec.models.philox import normals


class Recorder(torch.nn.Module):
    """A generator with two latents, one number and two numbers a tile's side, that keeps what was drawn for them."""

    def __init__(self) -> None:
        super().__init__()
        self.latents: list[torch.Tensor] = []
        self.basis = torch.zeros(0, 1)

    def forward(self, dequantised, shapes, step_index, draw=None, offsets=None):
        rows, columns = (n // 32 for n in dequantised.shape[2:])
        for number, side in ((0, 1), (1, 2)):
            mean = torch.full((1, 3, rows * side, columns * side), 5.0)
            self.latents.append(draw(number, mean, torch.full_like(mean, float(np.log(2)))))
        return dequantised


def test_latents_are_drawn_as_the_format_says():
    recorder, grid = Recorder(), (3, 5)
    context = Context(np.zeros((3, 32, 32, *grid), np.int16), np.zeros((2, 6, 10), np.int64), 100)
    list(render_bands(recorder, context, torch.ones(7, 3, 32, 32), Draws(temperature=0.5, seed=7)))
    for number, side in ((0, 1), (1, 2)):
        rows, columns = grid[0] * side, grid[1] * side
        n = torch.from_numpy(normals(7, number, (rows, columns, 3), 0, rows)).float()
        torch.testing.assert_close(recorder.latents[number][0], 5 + 0.5 * 2 * n, rtol=1e-5, atol=1e-5)
