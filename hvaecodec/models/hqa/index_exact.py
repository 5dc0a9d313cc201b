"""This module runs the index prior on integers held in float32, so that every device and thread count agrees.

Activations are 8-bit (0..255) and embeddings int8, in units of 1/32; weights are int8 with a power-of-two scale for
each output. Every partial sum stays below 2**24, which is checked when the weights load. docs/FORMAT.md, "Network", is
the norm; `index_numpy` is the same arithmetic in plain numpy, and kept apart from this on purpose: it is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.exact_bound import check_bound
from hvaecodec.models.hqa.index_prior import CLASSES, IndexPriorConfig, layer_shapes


class ExactIndexArithmetic:
    """This is PyTorch's `index_prior.Arithmetic`, over the arrays that `index_trainable.export_integers` stores."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: IndexPriorConfig, device: str = "cpu") -> None:
        """Load the weights. Raises ValueError if a layer's partial sums can reach 2**24."""
        self.device = device
        self.embedding = torch.from_numpy(weights["embedding"].astype(np.float32)).to(device)
        self.layers = {}
        for name, *_ in layer_shapes(config):
            weight, bias, shift = (weights[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
            check_bound(name, weight, bias, shift)
            rounding = (1 << shift.astype(np.int64)) >> 1
            arrays = weight.astype(np.float32).T, (bias + rounding).astype(np.float32), 2.0 ** -shift.astype(np.float32)
            self.layers[name] = tuple(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays)

    def logits(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        """Return the logits of the tree's nodes, int32 (n, 511), in units of 1/32; see `index_prior.Arithmetic`."""
        with torch.autocast(torch.device(self.device).type, enabled=False):
            embedded = self.embedding[torch.from_numpy(near.astype(np.int64)).to(self.device)].flatten(1)
            one_hot = embedded.new_zeros(len(near), CLASSES)
            one_hot[:, scale_class] = 32
            x = self._dense(f"{kind}.in", torch.cat([embedded, one_hot], 1)).clamp_(0, 255)
            x = self._dense("mid", x).clamp_(0, 255)
            return self._dense("head", x).to(torch.int32).cpu().numpy()

    def _dense(self, name: str, x: Tensor) -> Tensor:
        """Return floor((x w + b + half) / 2^shift): a dense layer whose division by 2^shift rounds to nearest."""
        weight, half, scale = self.layers[name]
        return (x @ weight).add_(half).mul_(scale).floor_()
