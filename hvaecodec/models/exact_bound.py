"""When sums of integers are exact in float32, whatever the order: the bound that every exact layer keeps."""

from __future__ import annotations

import numpy as np

UNIT = 32  # integer activations are real values times 32


def check_bound(name: str, weight: np.ndarray, bias: np.ndarray, shift: np.ndarray) -> None:
    """Raise ValueError unless every partial sum of a layer is exact in float32.

    That is so if 255 sum|w| + |bias| + 2^(shift - 1) < 2^24 for every output, as activations are 0..255. weight: int8,
    outputs first. bias: int32 (outputs,). shift: uint8 (outputs,).
    """
    total = 255 * _sums(weight.reshape(len(weight), -1)) + np.abs(bias.astype(np.int64))
    if (total + (1 << shift.astype(np.int64)) // 2 >= 2**24).any():
        raise ValueError(f"layer {name} can exceed 2**24; export the weights again")


def check_linear(name: str, weight: np.ndarray) -> None:
    """Raise ValueError unless the predictions of a linear table stay below 2**24 quarter symbols."""
    outputs = weight.shape[: max(1, weight.ndim - 3)]
    if (_sums(weight.reshape(*outputs, -1)) * 32767 >= 2**34).any():
        raise ValueError(f"predictions of {name} can exceed 2**24; fit them again")


def _sums(weight: np.ndarray) -> np.ndarray:
    """Sums of absolute values over the last axis, int64. weight: integers of at most 16 bits, which int32 holds."""
    return np.abs(weight, dtype=np.int32).sum(-1, dtype=np.int64)
