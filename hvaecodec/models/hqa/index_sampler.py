"""What temperature draws in `hqa-photo`: the indices of a layer given those of the one above, exactly.

The paper draws every cell by itself, from the posterior that the decoder above implies; neighbours then know nothing of
each other, and the picture is noise on top of blur. Here a prior that sees the layer above and the neighbours drawn so
far (`index_prior` with `above`) is drawn from, as VQ-VAE-2 does between its levels (arXiv:1906.00446), in integers, so
that a seed gives the same indices everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_numpy import NumpyIndexArithmetic
from hvaecodec.models.hqa.index_prior import DEPTH, Arithmetic, IndexPriorConfig, table_of, walk
from hvaecodec.models.philox import uniforms

_LIMIT = 1 << 20  # of a logit divided by the temperature; all beyond a fraction of it are certain


class IndexSampler:
    """Conditional priors of all layers but the top one.

    layers: the integers of each, layer 1 first, as `index_net.export_integers` gives them. bit_tables: int32 (33, 2),
    see `index_prior.bit_tables`.
    """

    def __init__(
        self, layers: Sequence[Mapping[str, np.ndarray]], bit_tables: np.ndarray, config: IndexPriorConfig
    ) -> None:
        if not config.above:
            raise ValueError("a sampler's priors see the layer above, these do not")
        self.layers, self.config = layers, config
        self.priors = [ExactIndexArithmetic(arrays, config) for arrays in layers]
        self.ones = bit_tables[:, 1] / bit_tables.sum(1)  # dividing by 2**22 is exact

    def draw(self, above: np.ndarray, number: int, temperature: float, seed: int, backend: str = "torch") -> np.ndarray:
        """Indices of layer `number` (0 the bottom), int16 (2 rows, 2 columns), from those above it, (rows, columns).

        temperature: above 0, divides the logits. backend: "torch", or "numpy" for the plain reference.
        """
        a: Arithmetic = self.priors[number]
        if backend == "numpy":
            a = NumpyIndexArithmetic(self.layers[number], self.config)
        grid = 2 * above.shape[0], 2 * above.shape[1]
        u = uniforms(seed, number, (*grid, 1), 0, grid[0]).ravel()
        return walk(a, grid, lambda logits, at: self._descend(logits, u[at], temperature), above)

    def _descend(self, logits: np.ndarray, u: np.ndarray, temperature: float) -> np.ndarray:
        """Indices of some cells, int32 (n,): one number a cell decides all its bits, what is left of it the next."""
        rows, indices, u = np.arange(len(logits)), np.zeros(len(logits), np.int32), u.copy()
        for level in range(DEPTH):
            logit = logits[rows, (1 << level) - 1 + indices] / temperature
            table, flip = table_of(np.floor(logit.clip(-_LIMIT, _LIMIT)).astype(np.int64))
            one = np.where(flip, 1 - self.ones[table], self.ones[table])
            bit = u < one
            u = np.where(bit, u / one, (u - one) / (1 - one))
            indices = 2 * indices + bit
        return indices
