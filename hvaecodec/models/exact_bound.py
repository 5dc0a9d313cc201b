"""When sums of integers are exact in float32, whatever the order: the bound that every exact layer keeps."""

from __future__ import annotations

import numpy as np

UNIT = 32  # integer activations are real values times 32


def check_bound(name: str, weight: np.ndarray, bias: np.ndarray, shift: np.ndarray) -> None:
    """Raise ValueError unless every partial sum of a layer is exact in float32.

    That is so if 255 sum|w| + |bias| + 2^(shift - 1) < 2^24 for every output, as activations are 0..255. weight: int8,
    outputs first. bias: int32 (outputs,). shift: uint8 (outputs,).
    """
    total = 255 * np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(1) + np.abs(bias.astype(np.int64))
    if (total + (1 << shift.astype(np.int64)) // 2 >= 2**24).any():
        raise ValueError(f"layer {name} can exceed 2**24; export the weights again")


def check_linear(name: str, weight: np.ndarray) -> None:
    """Raise ValueError unless the predictions of a linear table stay below 2**24 quarter symbols."""
    outputs = weight.shape[: max(1, weight.ndim - 3)]
    if (np.abs(weight.astype(np.int64)).reshape(*outputs, -1).sum(-1) * 32767 >= 2**34).any():
        raise ValueError(f"predictions of {name} can exceed 2**24; fit them again")
