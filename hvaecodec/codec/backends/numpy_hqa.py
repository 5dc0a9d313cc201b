"""The index prior of `hqa-photo` in plain numpy: the reference for the integers of a file. It has no nets in floats."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.hqa.index_numpy import NumpyIndexArithmetic
from hvaecodec.models.hqa.index_prior import IndexPriorConfig


def exact_prior(arrays: Mapping[str, np.ndarray], config: IndexPriorConfig) -> NumpyIndexArithmetic:
    """Return the index prior over the integers of a layer."""
    return NumpyIndexArithmetic(arrays, config)
