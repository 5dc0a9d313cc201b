"""What a symbol costs later: the change of the bits of finer levels when a symbol changes the prior's state.

A symbol enters the prior's state through two features, sign(q) log(1 + |q|) and log(1 + |q|). The gradient of the
picture's total bits by those features, through the float twin of the exact prior, prices a change of the symbol to
first order: bits later ~ signed * f(q) + size * |f(q)|. The bits of the symbol itself come from its table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.photo.layout import STEPS
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.prior_walk import MAX_LINEAR_LEVEL, PriorConfig


class _Priced(PriorNet):
    """The float twin that, while `leaves` is a list, keeps the features of every step there as leaves of the graph."""

    leaves: list[Tensor] | None = None

    def features(self, values: Tensor) -> Tensor:
        leaf = super().features(values)
        if self.leaves is not None:
            self.leaves.append(leaf.requires_grad_())
        return leaf


def float_twin(arrays: Mapping[str, np.ndarray], config: PriorConfig) -> _Priced:
    """The prior in floats, from its exported integers."""
    net = _Priced(config)
    with torch.no_grad():
        for name in net.names:
            key = name.replace(".", "_")
            step = torch.from_numpy(2.0 ** -arrays[f"{name}.shift"].astype(np.float32))
            weight = torch.from_numpy(arrays[f"{name}.weight"].astype(np.float32))
            net.weights[key].copy_(weight * step[:, None, None, None])
            net.biases[key].copy_(torch.from_numpy(arrays[f"{name}.bias"].astype(np.float32)) * step / 32)
        for name, buffer in net.named_buffers():
            buffer.copy_(torch.from_numpy(arrays[name].astype(np.float32)))
    return net.requires_grad_(False).eval()


def context_prices(net: _Priced, symbols: np.ndarray, index: int) -> np.ndarray:
    """Bits per unit of each feature, float32 (2, 3, 32, 32, rows, columns): signed, then absolute.

    symbols: int16 (3, 32, 32, rows, columns). DCs and the last step have no price here.
    """
    kept: list[Tensor] = []
    net.leaves = kept
    with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
        bits = net.bits(torch.from_numpy(symbols[None]).float(), torch.tensor([index]))
        torch.stack(list(bits)).sum().backward()
    net.leaves = None
    prices = np.zeros((2, *symbols.shape), np.float32)
    # The features that `walk` asks for, in order: those of the DC phases and of the DCs around, then one or (with
    # a linear prediction, of the residual) two of every step but the last.
    wanted = sum(2 if step.level <= MAX_LINEAR_LEVEL else 1 for step in STEPS[:-1])
    leaves = iter(kept[len(kept) - wanted :])
    for step in STEPS[:-1]:
        gradient = next(leaves).grad
        if step.level <= MAX_LINEAR_LEVEL:
            next(leaves)
        if gradient is None:
            continue
        parts = gradient[0].float().numpy().reshape(2, step.size, *symbols.shape[-2:])
        start = 0
        for band in step.bands:
            block = parts[:, start : start + band.n**2]
            prices[(slice(None), *band.where)] = block.reshape(2, band.n, band.n, *symbols.shape[-2:])
            start += band.n**2
    return prices
