"""This module draws the indices of a layer of `hqa-photo` given those of the layer above, at a temperature above 0.

The paper (arXiv:2002.08111, section 5.2.2) draws every cell by itself, from the posterior that the decoder above
implies; neighbours then know nothing of each other, and the picture is noise on top of blur. Here a prior that sees the
layer above and the neighbours drawn so far (`index_prior` with `above`) is drawn from, as VQ-VAE-2 does between its
levels (arXiv:1906.00446). It computes in integers, so that a seed gives the same indices everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hvaecodec.models.hqa.index_blas import BlasIndexArithmetic
from hvaecodec.models.hqa.index_numpy import NumpyIndexArithmetic
from hvaecodec.models.hqa.index_prior import DEPTH, Arithmetic, IndexPriorConfig, table_of, walk
from hvaecodec.models.philox import uniforms

_LIMIT = 1 << 20  # logits over the temperature stay within this; a bit is certain long before it


# From the integers of a layer, as `index_trainable.export_integers` gives them, and the configuration.
IndexArithmetic = Callable[[Mapping[str, np.ndarray], IndexPriorConfig], Arithmetic]


class IndexSampler:
    """An index sampler holds the conditional priors of all layers but the top one, and draws from them."""

    def __init__(
        self,
        layers: Sequence[Mapping[str, np.ndarray]],
        bit_tables: np.ndarray,
        config: IndexPriorConfig,
        arithmetic: IndexArithmetic = BlasIndexArithmetic,
    ) -> None:
        """Load the priors.

        layers: the integers of each layer, the bottom one first, as `index_trainable.export_integers` gives them.
        bit_tables: int32 (33, 2), see `index_prior.bit_tables`. arithmetic: what evaluates a layer's network. Raises
        ValueError if the priors do not see the layer above, or if a layer's partial sums can reach 2**24.
        """
        if not config.above:
            raise ValueError("a sampler's priors see the layer above, these do not")
        self.layers, self.config = layers, config
        self.priors = [arithmetic(arrays, config) for arrays in layers]
        self.ones = bit_tables[:, 1] / bit_tables.sum(1)  # dividing by 2**22 is exact

    def draw(
        self, above: np.ndarray, layer_number: int, temperature: float, seed: int, backend: str | None = None
    ) -> np.ndarray:
        """Draw the indices of a layer, int16 (2 rows, 2 columns), given those of the layer above, (rows, columns).

        layer_number: 0 is the bottom. temperature: above 0, divides the logits. backend: "numpy" for the plain
        reference, None for the arithmetic that was chosen.
        """
        a: Arithmetic = self.priors[layer_number]
        if backend == "numpy":
            a = NumpyIndexArithmetic(self.layers[layer_number], self.config)
        grid = 2 * above.shape[0], 2 * above.shape[1]
        u = uniforms(seed, layer_number, (*grid, 1), 0, grid[0]).ravel()
        return walk(a, grid, lambda logits, places: self._descend(logits, u[places], temperature), above)

    def _descend(self, logits: np.ndarray, u: np.ndarray, temperature: float) -> np.ndarray:
        """Return the indices of some cells, int32 (n,), each decided by one uniform number.

        A number decides the first bit; what is left of it, stretched to 0..1 again, decides the next one.
        """
        rows, indices, u = np.arange(len(logits)), np.zeros(len(logits), np.int32), u.copy()
        for tree_depth in range(DEPTH):
            logit = logits[rows, (1 << tree_depth) - 1 + indices] / temperature
            table, flip = table_of(np.floor(logit.clip(-_LIMIT, _LIMIT)).astype(np.int64))
            one = np.where(flip, 1 - self.ones[table], self.ones[table])
            bit = u < one
            u = np.where(bit, u / one, (u - one) / (1 - one))
            indices = 2 * indices + bit
        return indices
