"""This module runs the index prior in plain numpy: the reference for `index_exact`, in the order of docs/FORMAT.md."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.hqa.index_prior import CLASSES, IndexPriorConfig


class NumpyIndexArithmetic:
    """This is the `index_prior.Arithmetic` in int64, without PyTorch; it is slow and short on purpose."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: IndexPriorConfig) -> None:
        self.weights = weights

    def logits(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        """Return the logits of the tree's nodes, int32 (n, 511), in units of 1/32; see `index_prior.Arithmetic`."""
        embedded = self.weights["embedding"].astype(np.int64)[near].reshape(len(near), -1)
        one_hot = np.zeros((len(near), CLASSES), np.int64)
        one_hot[:, scale_class] = 32
        x = np.clip(self._dense(f"{kind}.in", np.concatenate([embedded, one_hot], 1)), 0, 255)
        x = np.clip(self._dense("mid", x), 0, 255)
        return self._dense("head", x).astype(np.int32)

    def _dense(self, name: str, x: np.ndarray) -> np.ndarray:
        weight, bias, shift = (self.weights[f"{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
        # float64 is faster than int64 and as exact: nothing here comes near 2**53
        total = (x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.int64) + bias
        return (total + (np.left_shift(1, shift) >> 1)) >> shift
