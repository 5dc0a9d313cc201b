"""The trainable form of the DCT prior: the same walk in floats, with the roundings of the exact form on request.

With `rounding` on, weights and activations take exactly the values that the integers can (int8 weights with a
power-of-two scale per output channel, activations in 0..255 of 1/32), gradients pass straight through. With it off
this is the float twin against which the cost of the integers is measured.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.exact_bound import UNIT
from hvaecodec.models.integer_rounding import TOP, straight, weight_exponents
from hvaecodec.models.photo.bit_counter import BitCounter
from hvaecodec.models.photo.bit_counter import values_at as values_at
from hvaecodec.models.photo.block_shapes import SHAPES, TILE_CLASSES, WHOLE
from hvaecodec.models.photo.layout import STEPS, Band, Step
from hvaecodec.models.photo.prior_layers import (
    HATS,
    LINEAR_SHIFT,
    MAX_LINEAR_LEVEL,
    PriorConfig,
    layer_shapes,
    linear_inputs,
)
from hvaecodec.models.photo.prior_walk import walk
from hvaecodec.models.photo.quantiser import rate_position

# How much smaller than usual the weights of some layers begin, by the last part of the layer's name.
GAINS = {"mix": 0.3, "head": 0.1, "rate": 0.1, "shape": 0.1, "embed": 0.5}


class PriorNet(nn.Module):
    """The weights of the prior and the float `prior_walk.Arithmetic` over them."""

    def __init__(self, config: PriorConfig | None = None) -> None:
        super().__init__()
        self.config = config or PriorConfig()
        self.rounding = False
        self.weights = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        self.names = {name for name, *_ in layer_shapes(self.config)}
        for name, inputs, outputs, side in layer_shapes(self.config):
            gain = GAINS.get(name.rsplit(".", 1)[-1], 1.0)
            weight = torch.randn(outputs, inputs, side, side) * gain * (2 / (inputs * side * side)) ** 0.5
            self.weights[_key(name)] = nn.Parameter(weight)
            self.biases[_key(name)] = nn.Parameter(torch.zeros(outputs))
        for step in (step for step in STEPS if step.stream_level <= MAX_LINEAR_LEVEL):
            for i, band in enumerate(step.bands):
                inputs = sum((u.stop - u.start) * (v.stop - v.start) for _, u, v in linear_inputs(step, band))
                table = torch.zeros(TILE_CLASSES, band.n**2, inputs, 3, 3)
                self.register_buffer(_key(f"linear.{step.name}.{i}"), table)
        for kind in ("diagonal", "cross"):
            near = torch.zeros(3, 3, 12)  # scale class, colour channel, neighbour
            near[..., :4] = 2**LINEAR_SHIFT // 4
            self.register_buffer(f"dc_linear_{kind}", near)

    # -- Arithmetic -----------------------------------------------------------------------------------------------

    def rate(self, step_index: Tensor) -> Tensor:
        """Return the hat features (B, 8, 1, 1) of step indices (B,)."""
        position = rate_position(step_index.float()) * (HATS - 1)
        knots = torch.arange(HATS, device=step_index.device)
        hats = (1 - (position[:, None] - knots).abs()).clamp_min(0)
        return self._round(hats)[:, :, None, None]

    def features(self, values: Tensor) -> Tensor:
        """Return sign(v) log(1 + |v|) and then log(1 + |v|) of every value, twice the channels."""
        size = torch.round(torch.log1p(values.abs().float()) * UNIT).clamp(max=255) / UNIT
        return torch.cat([torch.where(values < 0, -size, size), size], 1)

    def conv(self, name: str, x: Tensor) -> Tensor:
        """Apply the layer of that name, with the roundings of the integers if `rounding` is on."""
        weight, bias = self.weights[_key(name)], self.biases[_key(name)]
        if self.rounding:
            step = torch.exp2(-weight_exponents(weight, bias))[:, None, None, None]
            weight = straight(weight, torch.round(weight / step).clamp(-127, 127) * step)
        return self._round(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))

    def embed(self, name: str, parts: list[Tensor]) -> Tensor:
        """Apply a layer without neighbours to the features of symbols (B, n, rows, columns) each, joined."""
        return self.conv(name, self.join([self.features(part) for part in parts]))

    def relu(self, x: Tensor) -> Tensor:
        """Clamp to the range of activations, 0 to 255/32."""
        return x.clamp(0, TOP)

    def add(self, h: Tensor, z: Tensor) -> Tensor:
        """Add to the state."""
        return h.float() + z

    def join(self, parts: list[Tensor]) -> Tensor:
        """Concatenate channels."""
        return torch.cat([part.float() for part in parts], 1)

    def spread(self, rate: Tensor, like: Tensor) -> Tensor:
        """Repeat (B, channels, 1, 1) over the rows and columns of `like`."""
        return rate.expand(-1, -1, *like.shape[2:])

    def shape_features(self, shapes: Tensor) -> Tensor:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 1 and 0."""
        quadrants = [shapes[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        one_hot = F.one_hot(torch.stack(quadrants, 2), len(SHAPES))  # (B, 2, 4, rows, columns, 7)
        return one_hot.permute(0, 1, 2, 5, 3, 4).flatten(1, 3).float()

    def take(self, features: Tensor, tiles: np.ndarray) -> Tensor:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.flatten(2)[:, :, torch.as_tensor(tiles)][..., None]

    def linear(self, step: Step, symbols: Tensor, shapes: Tensor) -> Tensor:
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

    def nearest(self, quarter: Tensor) -> Tensor:
        """Round quarter symbols to whole symbols, half up."""
        return torch.floor((quarter + 2) / 4)

    def dc_gather(self, dc: Tensor, near: np.ndarray) -> Tensor:
        """Take the DCs (B, 3, rows, columns) at flat tile indices (N, 12): (B, 3, N, 12)."""
        return dc.flatten(2)[:, :, torch.as_tensor(near, device=dc.device)]

    def dc_linear(self, kind: str, scale_class: int, near: Tensor) -> Tensor:
        """Predict DCs from their neighbours (B, 3, N, 12), in quarter symbols (B, 3, N, 1)."""
        weight = getattr(self, f"dc_linear_{kind}")[scale_class]
        return torch.round((near * weight[None, :, None]).sum(-1, keepdim=True) / 2 ** (LINEAR_SHIFT - 2))

    def dc_features(self, near: Tensor, prediction: Tensor) -> Tensor:
        """Return the features of the neighbours' differences to the prediction, (B, 72, N, 1)."""
        away = near - self.nearest(prediction)  # (B, 3, N, 12)
        return self.features(away.permute(0, 1, 3, 2).flatten(1, 2)[..., None])

    def dc_class(self, scale_class: int, like: Tensor) -> Tensor:
        """Return the scale class one-hot, (B, 3) spread over the rows and columns of `like`."""
        one_hot = like.new_zeros(1, 3, 1, 1)
        one_hot[:, scale_class] = 1
        return one_hot.expand(like.shape[0], -1, *like.shape[2:])

    def dc_around(self, dc: Tensor) -> Tensor:
        """Return the differences of DCs to those of the eight tiles around, (B, 24, rows, columns)."""
        return around(F.pad(dc.float(), (1, 1, 1, 1), mode="replicate"), dc.float())

    def _round(self, x: Tensor) -> Tensor:
        return straight(x, torch.round(x * UNIT) / UNIT) if self.rounding else x

    # -- likelihood -----------------------------------------------------------------------------------------------

    def bits(self, symbols: Tensor, step_index: Tensor, shapes: Tensor) -> list[Tensor]:
        """Return the bits of each stream level, six scalars summed over the batch.

        Those of the shapes and of the coarsest DCs are not among them. symbols: (B, 3, 32, 32, rows, columns).
        step_index: step indices (B,). shapes: int64 (B, 2, 2 rows, 2 columns).
        """
        counter = BitCounter(self, symbols)
        walk(self, step_index, shapes, counter)
        return counter.levels


def around(padded: Tensor, dc: Tensor) -> Tensor:
    """Return the differences of the eight values around to each of `dc`, (B, 3, h, w) to (B, 24, h, w).

    padded: `dc` with one more on each side.
    """
    h, w = dc.shape[2:]
    shifted = [padded[:, :, i : i + h, j : j + w] - dc for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    return torch.stack(shifted, 2).flatten(1, 2)


def linear_patch(step: Step, band: Band, symbols: Tensor) -> Tensor:
    """Return what the linear prediction of a band sees of symbols, (B, inputs, h, w): see `linear_inputs`.

    The weights on the DCs of the nine tiles sum to zero, so only differences count.
    """
    where = linear_inputs(step, band)
    return torch.cat([symbols[:, c, u, v].flatten(1, 2) for c, u, v in where], 1)


def tile_classes(shapes: Tensor) -> Tensor:
    """Return the class of every tile of maps (B, 2, 2 rows, 2 columns), 0..3, int64 (B, 2, rows, columns)."""
    return shapes[:, :, ::2, ::2].clamp(max=WHOLE)


def of_class(every: Tensor, classes: Tensor) -> Tensor:
    """Return of predictions by every class, (B, 4, n, rows, columns), those of each tile's own, (B, n, rows, columns).

    classes: int64 (B, rows, columns).
    """
    where = classes[:, None, None].expand(-1, -1, every.shape[2], -1, -1)
    return every.gather(1, where)[:, 0]


def _key(name: str) -> str:
    return name.replace(".", "_")
