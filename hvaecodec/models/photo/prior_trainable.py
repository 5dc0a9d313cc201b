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
from hvaecodec.models.photo.layout import STEPS, Band, Step
from hvaecodec.models.photo.prior_walk import (
    HATS,
    LINEAR_SHIFT,
    MAX_LINEAR_LEVEL,
    PriorConfig,
    layer_shapes,
    linear_inputs,
    walk,
)
from hvaecodec.models.photo.quantiser import rate_position

MIN_LOG2_SCALE, PER_OCTAVE, N_SCALES = -4.5, 3, 39
COARSE_MEAN_FROM = 17  # scales from this index up (> 2 symbols) take whole-symbol means


def log2_mass(residual: Tensor, scale: Tensor) -> Tensor:
    """log2 of the mass that a logistic of the given scale puts on the unit bin around `residual`, in bits.

    sigma(-(|r| - 1/2) / s) - sigma(-(|r| + 1/2) / s), written so that it neither cancels nor overflows.
    """
    inverse = 1 / scale
    a = (residual.abs() - 0.5) * inverse
    nats = -a + torch.log(-torch.expm1(-inverse)) - F.softplus(-a) - F.softplus(-a - inverse)
    return nats * 1.4426950408889634


class PriorNet(nn.Module):
    """Weights of the prior and the float `Arithmetic` over them."""

    def __init__(self, config: PriorConfig | None = None) -> None:
        super().__init__()
        self.config = config or PriorConfig()
        self.rounding = False
        self.weights = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        self.names = {name for name, *_ in layer_shapes(self.config)}
        for name, inputs, outputs, side in layer_shapes(self.config):
            gain = {"mix": 0.3, "head": 0.1, "rate": 0.1, "embed": 0.5}.get(name.rsplit(".", 1)[-1], 1.0)
            weight = torch.randn(outputs, inputs, side, side) * gain * (2 / (inputs * side * side)) ** 0.5
            self.weights[_key(name)] = nn.Parameter(weight)
            self.biases[_key(name)] = nn.Parameter(torch.zeros(outputs))
        for step in STEPS[: 4 * MAX_LINEAR_LEVEL]:
            for i, band in enumerate(step.bands):
                inputs = sum((u.stop - u.start) * (v.stop - v.start) for _, u, v in linear_inputs(step, band))
                self.register_buffer(_key(f"linear.{step.name}.{i}"), torch.zeros(band.n**2, inputs, 3, 3))
        for kind in ("diagonal", "cross"):
            near = torch.zeros(3, 3, 12)  # scale class, colour channel, neighbour
            near[..., :4] = 2**LINEAR_SHIFT // 4
            self.register_buffer(f"dc_linear_{kind}", near)

    # -- Arithmetic -----------------------------------------------------------------------------------------------

    def rate(self, index: Tensor) -> Tensor:
        position = rate_position(index.float()) * (HATS - 1)
        knots = torch.arange(HATS, device=index.device)
        hats = (1 - (position[:, None] - knots).abs()).clamp_min(0)
        return self._round(hats)[:, :, None, None]

    def features(self, values: Tensor) -> Tensor:
        size = torch.round(torch.log1p(values.abs().float()) * UNIT).clamp(max=255) / UNIT
        return torch.cat([torch.where(values < 0, -size, size), size], 1)

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.weights[_key(name)], self.biases[_key(name)]
        if self.rounding:
            step = torch.exp2(-weight_exponents(weight, bias))[:, None, None, None]
            weight = straight(weight, torch.round(weight / step).clamp(-127, 127) * step)
        return self._round(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))

    def relu(self, x: Tensor) -> Tensor:
        return x.clamp(0, TOP)

    def add(self, h: Tensor, z: Tensor) -> Tensor:
        return h.float() + z

    def join(self, parts: list[Tensor]) -> Tensor:
        return torch.cat([part.float() for part in parts], 1)

    def spread(self, rate: Tensor, like: Tensor) -> Tensor:
        return rate.expand(-1, -1, *like.shape[2:])

    def linear(self, name: str, symbols: Tensor, step: Step) -> Tensor:
        with torch.no_grad(), torch.autocast(symbols.device.type, enabled=False):
            means = []
            for i, band in enumerate(step.bands):
                weight = getattr(self, _key(f"linear.{name}.{i}")) / 2 ** (LINEAR_SHIFT - 2)
                patch = F.pad(linear_patch(step, band, symbols.float()), (1, 1, 1, 1), mode="replicate")
                means.append(F.conv2d(patch, weight))
            return torch.round(torch.cat(means, 1))

    def nearest(self, quarter: Tensor) -> Tensor:
        return torch.floor((quarter + 2) / 4)

    def dc_gather(self, dc: Tensor, index: np.ndarray) -> Tensor:
        return dc.flatten(2)[:, :, torch.as_tensor(index, device=dc.device)]

    def dc_linear(self, kind: str, scale_class: int, near: Tensor) -> Tensor:
        weight = getattr(self, f"dc_linear_{kind}")[scale_class]
        return torch.round((near * weight[None, :, None]).sum(-1, keepdim=True) / 2 ** (LINEAR_SHIFT - 2))

    def dc_features(self, near: Tensor, predicted: Tensor) -> Tensor:
        away = near - self.nearest(predicted)  # (B, 3, N, 12)
        return self.features(away.permute(0, 1, 3, 2).flatten(1, 2)[..., None])

    def dc_class(self, scale_class: int, like: Tensor) -> Tensor:
        one_hot = like.new_zeros(1, 3, 1, 1)
        one_hot[:, scale_class] = 1
        return one_hot.expand(like.shape[0], -1, *like.shape[2:])

    def dc_around(self, dc: Tensor) -> Tensor:
        return around(F.pad(dc.float(), (1, 1, 1, 1), mode="replicate"), dc.float())

    def _round(self, x: Tensor) -> Tensor:
        return straight(x, torch.round(x * UNIT) / UNIT) if self.rounding else x

    # -- likelihood -----------------------------------------------------------------------------------------------

    def bits(self, symbols: Tensor, index: Tensor) -> list[Tensor]:
        """Bits of each level, six scalars summed over the batch; symbols: (B, 3, 32, 32, h, w), index: (B,)."""
        coder = _Pricing(self, symbols)
        walk(self, (symbols.shape[-2], symbols.shape[-1]), index, coder)
        return coder.levels


def around(padded: Tensor, dc: Tensor) -> Tensor:
    """Differences of the eight surrounding values to the centre, (B, 24, h, w); `padded` has one more on each side."""
    h, w = dc.shape[2:]
    shifted = [padded[:, :, i : i + h, j : j + w] - dc for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    return torch.stack(shifted, 2).flatten(1, 2)


def linear_patch(step: Step, band: Band, symbols: Tensor) -> Tensor:
    """What the linear prediction of a band sees, (B, inputs, h, w): see `linear_inputs`.

    The weights on the DCs of the nine tiles sum to zero, so only differences count.
    """
    where = linear_inputs(step, band)
    return torch.cat([symbols[:, c, u, v].flatten(1, 2) for c, u, v in where], 1)


def _key(name: str) -> str:
    return name.replace(".", "_")


class _Pricing:
    """A coder for `walk` that adds up bits instead of writing them."""

    def __init__(self, net: PriorNet, symbols: Tensor) -> None:
        self.net, self.symbols = net, symbols.float()
        self.levels = [symbols.new_zeros((), dtype=torch.float32) for _ in range(6)]

    def known_dc(self) -> Tensor:
        return self.symbols[:, :, 0, 0]

    def known(self) -> Tensor:
        return self.symbols

    def dc(self, index: np.ndarray, mean4: Tensor | None, head: Tensor | None, channels: slice) -> Tensor:
        values = self.known_dc().flatten(2)[:, channels, torch.as_tensor(index)][..., None]
        if head is not None:
            self._price(0, values, mean4, head)
        return values

    def step(self, step: Step, mean4: Tensor | None, state: Tensor) -> Tensor:
        values = torch.cat([self.symbols[:, b.where[0], b.where[1], b.where[2]].flatten(1, 2) for b in step.bands], 1)
        self._price(step.level, values, mean4, self.net.conv(f"{step.name}.head", state))
        return values

    def _price(self, level: int, values: Tensor, mean4: Tensor | None, head: Tensor) -> None:
        self.levels[level] = self.levels[level] + price(values, mean4, head.float(), self.net.rounding)


def price(values: Tensor, mean4: Tensor | None, head: Tensor, rounding: bool) -> Tensor:
    """Bits of `values` under the head's outputs (n normalised means, then n log2 scales), summed."""
    normalised, log2_scale = head.chunk(2, 1)
    log2_scale = (log2_scale - 1).clamp(MIN_LOG2_SCALE, MIN_LOG2_SCALE + (N_SCALES - 1) / PER_OCTAVE)
    if rounding:
        grid = torch.round((log2_scale - MIN_LOG2_SCALE) * PER_OCTAVE)
        log2_scale = straight(log2_scale, grid / PER_OCTAVE + MIN_LOG2_SCALE)
    scale = torch.exp2(log2_scale)
    mean = normalised * scale
    if mean4 is not None:
        mean = mean + mean4 / 4
    if rounding:
        quarter = torch.round(mean * 4) / 4
        mean = straight(mean, torch.where(scale > 2.1, torch.round(mean), quarter))
    return -log2_mass(values - mean, scale).clamp_min(-40).sum()
