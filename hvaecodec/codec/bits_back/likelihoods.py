"""Pictures under the papers' likelihoods, for a coder that is a stack: bits, or 8-bit channels one after the other."""

from __future__ import annotations

from functools import cache
from typing import Any

import constriction
import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.likelihoods import Bernoulli, Likelihood, LogisticMixture

_LEAST = 1e-7  # probability of a symbol, so that any can be coded


def push_picture(coder: Any, likelihood: Likelihood, parameters: Tensor, x: Tensor) -> None:
    """x: (1, C, H, W), whole numbers."""
    tables = picture_tables(likelihood, parameters, x)
    if isinstance(likelihood, Bernoulli):
        coder.encode_reverse(integers(x), _bits(), *tables)
        return
    for channel in reversed(range(x.shape[1])):
        coder.encode_reverse(integers(x[:, channel]), categorical(), tables[channel])


def pop_picture(coder: Any, likelihood: Likelihood, parameters: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """The opposite: (1, *shape)."""
    x = torch.zeros(1, *shape)
    if isinstance(likelihood, Bernoulli):
        found = coder.decode(_bits(), _probability(likelihood, parameters))
        return torch.from_numpy(found.astype(np.float32)).reshape(x.shape)
    for channel in range(shape[0]):
        found = coder.decode(categorical(), _masses(likelihood, parameters, x, channel))
        x[:, channel] = torch.from_numpy(found.astype(np.float32)).reshape(1, *shape[1:])
    return x


def picture_tables(likelihood: Likelihood, parameters: Tensor, x: Tensor) -> list[np.ndarray]:
    """What a known picture is coded with: the bits' probabilities, or the masses of every channel."""
    if isinstance(likelihood, Bernoulli):
        return [_probability(likelihood, parameters)]
    return [_masses(likelihood, parameters, x, channel) for channel in range(x.shape[1])]


def integers(x: Tensor) -> np.ndarray:
    """As the coder takes symbols: int32, flat."""
    return np.ascontiguousarray(x.flatten().int().numpy())


def normalised(p: np.ndarray) -> np.ndarray:
    """Rows of masses as the coder takes them: none of nothing, and a sum of one."""
    p = p + _LEAST
    return np.ascontiguousarray(p / p.sum(1, keepdims=True))


@cache
def categorical() -> Any:
    return constriction.stream.model.Categorical(perfect=False)


@cache
def _bits() -> Any:
    return constriction.stream.model.Bernoulli(perfect=False)


def _masses(likelihood: Likelihood, parameters: Tensor, x: Tensor, channel: int) -> np.ndarray:
    """p of every grey level of a channel given the channels before it, float64 (pixels, 256)."""
    assert isinstance(likelihood, LogisticMixture)
    weights, masses = likelihood.conditional_log_masses(parameters, x, channel)  # (1, K, H, W), (256, K, H, W)
    return normalised(torch.logsumexp(weights + masses, 1).double().exp().flatten(1).T.numpy())


def _probability(likelihood: Bernoulli, parameters: Tensor) -> np.ndarray:
    p = likelihood.mean(parameters).double().flatten().numpy()
    return np.ascontiguousarray(np.clip(p, _LEAST, 1 - _LEAST))
