"""The bits that a symbol costs later: how those of finer levels change when a symbol changes the prior's state.

A symbol enters the prior's state through two features, sign(q) log(1 + |q|) and log(1 + |q|). The gradient of the
picture's total bits by those features, through the float twin of the exact prior, foresees what a change of the symbol
does, to first order: later bits ~ signed * sign(q) log(1 + |q|) + size * log(1 + |q|). The symbols of a first half of
a band change those of the second half too. The bits of the symbol itself come from its table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.photo.bit_counter import BitCounter
from hvaecodec.models.photo.layout import N_PLACES, Step
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.prior_walk import walk


class _Watcher(BitCounter):
    """A counter of bits that makes the features of every step's symbols leaves of the graph and remembers them."""

    def __init__(self, net: PriorNet, symbols: Tensor) -> None:
        super().__init__(net, symbols)
        self.leaves: list[tuple[Step, Tensor]] = []

    def embedded(self, step: Step, features: Tensor) -> None:
        self.leaves.append((step, features.requires_grad_()))


def float_twin(arrays: Mapping[str, np.ndarray], config: PriorConfig) -> PriorNet:
    """Return the prior in floats from its exported integers, without gradients by its weights.

    arrays: as `prior_exact.export_integers` makes them.
    """
    net = PriorNet(config)
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


def later_bits(net: PriorNet, symbols: np.ndarray, shapes: np.ndarray, step_index: int) -> np.ndarray:
    """Return the later bits for each unit of the two features, signed and size: float32 (2, 3, 32, 32, rows, columns).

    net: of `float_twin`. symbols: int16 (3, 32, 32, rows, columns). shapes: maps of luma and chroma, int64 (2, 2 rows,
    2 columns). DCs and the last step have none.
    """
    watcher = _Watcher(net, torch.from_numpy(symbols[None]).float())
    with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
        maps = torch.from_numpy(shapes[None])
        walk(net, torch.tensor([step_index]), maps, watcher)
        torch.stack(watcher.levels).sum().backward()
    later = np.zeros((2, *symbols.shape), np.float32)
    for step, features in watcher.leaves:
        if features.grad is not None:
            _scatter(features.grad[0].float().numpy(), step, later)
    return later


def _scatter(gradient: np.ndarray, step: Step, later: np.ndarray) -> None:
    """Write the gradient by a step's features, (2n, rows, columns), where its symbols are in `later`."""
    grid = gradient.shape[1:]
    later.reshape(2, N_PLACES, *grid)[:, step.places] = gradient.reshape(2, step.size, *grid)
