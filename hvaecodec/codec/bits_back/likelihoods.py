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
    """Push a picture, whole numbers (1, C, H, W), onto the stack under a likelihood."""
    tables = picture_tables(likelihood, parameters, x)
    if isinstance(likelihood, Bernoulli):
        coder.encode_reverse(integers(x), _bits(), *tables)
        return
    for channel in reversed(range(x.shape[1])):
        coder.encode_reverse(integers(x[:, channel]), categorical(), tables[channel])


def pop_picture(coder: Any, likelihood: Likelihood, parameters: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Pop the picture that `push_picture` pushed, float (1, *shape). shape: (C, H, W)."""
    x = torch.zeros(1, *shape)
    if isinstance(likelihood, Bernoulli):
        values = coder.decode(_bits(), _probability(likelihood, parameters))
        return torch.from_numpy(values.astype(np.float32)).reshape(x.shape)
    for channel in range(shape[0]):
        values = coder.decode(categorical(), _masses(likelihood, parameters, x, channel))
        x[:, channel] = torch.from_numpy(values.astype(np.float32)).reshape(1, *shape[1:])
    return x


def picture_tables(likelihood: Likelihood, parameters: Tensor, x: Tensor) -> list[np.ndarray]:
    """Return what a known picture is coded with: the bits' probabilities, or the masses of every channel, float64."""
    if isinstance(likelihood, Bernoulli):
        return [_probability(likelihood, parameters)]
    return [_masses(likelihood, parameters, x, channel) for channel in range(x.shape[1])]


def integers(x: Tensor) -> np.ndarray:
    """Return whole numbers as the coder takes symbols: int32, flat."""
    return np.ascontiguousarray(x.flatten().int().numpy())


def normalise(p: np.ndarray) -> np.ndarray:
    """Return rows of masses as the coder takes them: every mass above 0, and a sum of 1."""
    p = p + _LEAST
    return np.ascontiguousarray(p / p.sum(1, keepdims=True))


@cache
def categorical() -> Any:
    """Return the family of distributions that the coder is handed as rows of masses."""
    return constriction.stream.model.Categorical(perfect=False)


@cache
def _bits() -> Any:
    return constriction.stream.model.Bernoulli(perfect=False)


def _masses(likelihood: Likelihood, parameters: Tensor, x: Tensor, channel: int) -> np.ndarray:
    """Return p of every grey level of a channel given the channels before it, float64 (pixels, 256)."""
    assert isinstance(likelihood, LogisticMixture)
    weights, masses = likelihood.conditional_log_masses(parameters, x, channel)  # (1, K, H, W), (256, K, H, W)
    return normalise(torch.logsumexp(weights + masses, 1).double().exp().flatten(1).T.numpy())


def _probability(likelihood: Bernoulli, parameters: Tensor) -> np.ndarray:
    p = likelihood.mean(parameters).double().flatten().numpy()
    return np.ascontiguousarray(np.clip(p, _LEAST, 1 - _LEAST))
