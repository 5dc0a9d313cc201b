"""The prior over tiles of different DCT blocks: a walk like `prior_walk` that knows partitions and looks into bands.

What differs: the shapes of all blocks are known first, and stand as one-hot features beside every step's input; the
finest luma bands are coded in two halves, and the tables of the second know the first (the neighbours in frequency or,
where blocks are interleaved, beside it); the linear predictions have weights for each class of tile (undivided, two
halves of either kind, quadrants).

`walk` is written once. `block_prior_trainable`, `block_prior_exact` and `block_prior_numpy` supply the numbers.
"""

from __future__ import annotations

from typing import Any, Protocol

from hvaecodec.models.photo.block_prior_layers import BLOCK_STEPS, BlockStep
from hvaecodec.models.photo.layout import N_LEVELS, Phase, dc_base, dc_phases
from hvaecodec.models.photo.prior_layers import MAX_LINEAR_LEVEL
from hvaecodec.models.photo.prior_walk import Arithmetic, Array, Coder


class BlockArithmetic(Arithmetic, Protocol):
    """The numbers of the prior: those of `prior_walk.Arithmetic`, and what is made of maps of shapes."""

    def shape_features(self, shapes: Array) -> Array:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns)."""

    def take(self, features: Array, tiles: Any) -> Array:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""

    def class_linear(self, step: BlockStep, symbols: Array, shapes: Array) -> Array:
        """Predict a step's symbols as `linear` does, each tile with the weights of its class, in quarter symbols."""


def walk(
    a: BlockArithmetic,
    grid: tuple[int, int],
    step_index: Array,
    shapes: Array,
    coder: Coder,
    *,
    n_levels: int = N_LEVELS,
) -> None:
    """Walk down the pyramid of a (rows, columns) tile grid, coarse to fine, and let `coder` code every symbol.

    step_index: (B,), of the arithmetic's kind. shapes: maps of luma and chroma, int64 (B, 2, 2 rows, 2 columns), numpy
    but for the trainable form. n_levels: stop after so many stream levels.
    """
    rate, tiles = a.rate(step_index), a.shape_features(shapes)
    _walk_dc(a, grid, rate, tiles, coder)
    if n_levels == 1:
        return
    state = a.conv("start", a.features(a.dc_around(coder.known_dc())))
    features: Array = None  # of the step before, which is the first half where this one is the second
    for step in BLOCK_STEPS:
        if step.stream_level >= n_levels:
            return
        state = _refined(a, step, state, rate, tiles)
        low = step.stream_level <= MAX_LINEAR_LEVEL
        prediction = a.class_linear(step, coder.known_symbols(), shapes) if low else None
        known = [a.relu(state), tiles, *([features] if step.half == 1 else [])]
        symbols = coder.code_step(step, prediction, a.join(known))
        if step is not BLOCK_STEPS[-1]:
            features = a.features(symbols)
            coder.embedded(step, features)
            parts = [features] if prediction is None else [features, a.features(symbols - a.nearest(prediction))]
            state = a.add(state, a.conv(f"{step.name}.embed", a.join(parts)))


def _refined(a: BlockArithmetic, step: BlockStep, state: Array, rate: Array, tiles: Array) -> Array:
    """The state from which a step's tables come: widened and told the shapes at a level's first step, then refined."""
    if f"{step.name}.widen" in a.names:
        state = a.conv(f"{step.name}.widen", a.relu(state))
    state = a.add(state, a.spread(a.conv(f"{step.name}.rate", rate), state))
    if f"{step.name}.shape" in a.names:
        state = a.add(state, a.conv(f"{step.name}.shape", tiles))
    for i in range(a.config.blocks(step)):
        y = a.relu(a.conv(f"{step.name}.block{i}.conv", a.relu(state)))
        state = a.add(state, a.conv(f"{step.name}.block{i}.mix", y))
    return state


def _walk_dc(a: BlockArithmetic, grid: tuple[int, int], rate: Array, tiles: Array, coder: Coder) -> None:
    """Code the DC picture: the coarsest lattice without a network, then phase by phase what lies between."""
    coder.code_dc(dc_base(*grid), slice(0, 3), None, None)
    for phase in dc_phases(*grid):
        _walk_phase(a, phase, rate, tiles, coder)


def _walk_phase(a: BlockArithmetic, phase: Phase, rate: Array, tiles: Array, coder: Coder) -> None:
    """Code the DCs of one phase: luma, then, knowing how far it was from its prediction, chroma."""
    near = a.dc_gather(coder.known_dc(), phase.near)  # (B, 3, N, 12)
    prediction = a.dc_linear(phase.kind, phase.scale_class, near)  # (B, 3, N, 1)
    around = a.dc_features(near, prediction)  # (B, 72, N, 1)
    known = [around, a.spread(rate, around), a.dc_class(phase.scale_class, around), a.take(tiles, phase.at)]
    for part, channels in (("y", slice(0, 1)), ("c", slice(1, 3))):
        x = a.join(known)
        for layer in ("in", "mid"):
            x = a.relu(a.conv(f"dc.{phase.kind}.{part}.{layer}", x))
        head = a.conv(f"dc.{phase.kind}.{part}.head", x)
        symbols = coder.code_dc(phase.at, channels, prediction[:, channels], head)
        known.append(a.features(symbols - a.nearest(prediction[:, channels])))
