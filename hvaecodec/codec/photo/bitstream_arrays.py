"""What the bitstream weights of `dct-vae-photo` must be: every array that its configuration asks for, and in range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.codec.exact_arrays import check_frequencies, check_layer, take, take_positive
from hvaecodec.models.exact_bound import check_linear
from hvaecodec.models.integers import N_TABLES, TOTAL_BITS, radii
from hvaecodec.models.photo.block_shapes import SHAPES, TILE_CLASSES
from hvaecodec.models.photo.layout import STEPS, TILE
from hvaecodec.models.photo.prior_layers import HATS, MAX_LINEAR_LEVEL, PriorConfig, layer_shapes, linear_inputs
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.photo.shape_contexts import QUADRANT_CONTEXTS, QUADRANT_SHAPES, TILE_CONTEXTS


def check_bitstream(arrays: Mapping[str, np.ndarray], config: PriorConfig) -> None:
    """Raise ValueError unless the arrays are those of a prior of this configuration, and its sums are exact.

    The layers come first, one by one, so that a configuration of a million of them ends at the first that is missing.
    """
    for name, inputs, outputs, side in layer_shapes(config):
        check_layer(arrays, name, outputs, inputs, side, side)
    _check_linear(arrays)
    take(arrays, "log_table", np.uint8, 4096)
    take(arrays, "rate_table", np.uint8, N_INDICES, HATS)
    take_positive(arrays, "delta", N_INDICES)
    take_positive(arrays, "S", len(SHAPES), 3, TILE, TILE)
    for number in range(N_TABLES):
        name = f"table.{number:03d}"
        check_frequencies(name, take(arrays, name, np.int32, 2 * radii()[number] + 2), TOTAL_BITS)
    for name, rows, columns in (
        ("shapes.tiles", TILE_CONTEXTS, TILE_CLASSES),
        ("shapes.quadrants", QUADRANT_CONTEXTS, QUADRANT_SHAPES),
    ):
        check_frequencies(name, take(arrays, name, np.int32, rows, columns), TOTAL_BITS)


def _check_linear(arrays: Mapping[str, np.ndarray]) -> None:
    for step in (step for step in STEPS if step.stream_level <= MAX_LINEAR_LEVEL):
        for i, band in enumerate(step.bands):
            inputs = sum((u.stop - u.start) * (v.stop - v.start) for _, u, v in linear_inputs(step, band))
            name = f"linear_{step.name}_{i}"
            check_linear(name, take(arrays, name, np.int16, TILE_CLASSES, band.n**2, inputs, 3, 3))
    for kind in ("diagonal", "cross"):
        check_linear(f"dc_linear_{kind}", take(arrays, f"dc_linear_{kind}", np.int16, 3, 3, 12))
