"""The float twin of the exact prior: the same weights, nothing rounded after them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_trainable import PriorNet


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
