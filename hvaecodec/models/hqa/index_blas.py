"""The index prior on integers held in float32, with numpy: `index_exact` where there is no PyTorch.

Products of matrices are exact in whatever order BLAS adds: the layers keep the bound of `exact_bound`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.exact_bound import UNIT, check_bound
from hvaecodec.models.hqa.index_prior import CLASSES, IndexPriorConfig, layer_shapes


class BlasIndexArithmetic:
    """This is numpy's fast `index_prior.Arithmetic`, over the arrays that `index_trainable.export_integers` stores."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: IndexPriorConfig) -> None:
        """Load the weights. Raises ValueError if a layer's partial sums can reach 2**24."""
        self.embedding = weights["embedding"].astype(np.float32)
        self.layers = {}
        for name, *_ in layer_shapes(config):
            weight, bias, shift = (weights[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
            check_bound(name, weight, bias, shift)
            half = (bias + ((1 << shift.astype(np.int64)) >> 1)).astype(np.float32)
            self.layers[name] = weight.astype(np.float32).T, half, 2.0 ** -shift.astype(np.float32)

    def logits(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        """Return the logits of the tree's nodes, int32 (n, 511), in units of 1/32; see `index_prior.Arithmetic`."""
        one_hot = np.zeros((len(near), CLASSES), np.float32)
        one_hot[:, scale_class] = UNIT
        x = np.concatenate([self.embedding[near].reshape(len(near), -1), one_hot], 1)
        for name in (f"{kind}.in", "mid"):
            x = self._dense(name, x)
            np.clip(x, 0, 255, out=x)
        return self._dense("head", x).astype(np.int32)

    def _dense(self, name: str, x: np.ndarray) -> np.ndarray:
        """Return floor((x w + b + half) / 2^shift): a dense layer whose division by 2^shift rounds to nearest."""
        weight, half, scale = self.layers[name]
        total: np.ndarray = x @ weight
        total += half
        total *= scale
        return np.floor(total, out=total)
