"""The photo codec's prior in plain numpy: the reference for the integers of a file. It has no nets in floats."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_numpy import NumpyArithmetic


def exact_prior(arrays: Mapping[str, np.ndarray], config: PriorConfig) -> NumpyArithmetic:
    """Return the prior over the integers of the bitstream weights."""
    return NumpyArithmetic(arrays, config)
