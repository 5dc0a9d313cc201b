"""First weights of the prior over tiles of different blocks, from those of a prior of undivided tiles."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.photo.block_prior_layers import BLOCK_STEPS, BlockStep
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet
from hvaecodec.models.photo.layout import STEPS, Step
from hvaecodec.models.photo.prior_layers import HATS, PriorConfig

State = dict[str, Tensor]

_DC_INPUTS = 12 * 3 * 2 + HATS + 3  # what a DC's first layer sees before the shapes: neighbours, rate, class


def widened(weights: State, net: BlockPriorNet) -> State:
    """Return the state of `net` with a prior's weights where they have a counterpart; it is changed in place.

    The first half of a band takes the first residual block of its step, the second half the second; new inputs weigh
    nothing at first. Linear predictions of bands are left as they are.
    """
    own = net.state_dict()
    for step in BLOCK_STEPS:
        whole = next(other for other in STEPS if other.name == (step.name if step.half is None else step.name[:-1]))
        positions = _positions(step, whole)
        for part in ("weights", "biases"):
            names = f"{part}.{step.name}", f"{part}.{whole.name}"
            _copy_head(own, weights, names, torch.cat([positions, positions + whole.size]))
            _copy_embed(own, weights, names, step, whole)
            _copy_inner(own, weights, names, step, net.config)
    for name in own:
        if ".dc_" in name or name.endswith(".start") or name.startswith("dc_linear"):
            _copy_dc(own[name], weights[name])
    return own


def _positions(step: BlockStep, whole: Step) -> Tensor:
    """Where the coefficients of a step stand among those of the step of undivided tiles, (n,)."""
    positions = np.arange(whole.size)
    if step.half is not None:
        (band,) = step.bands
        u, v = np.indices((band.n, band.n)).reshape(2, -1)
        positions = positions[(u + v + band.u0 + band.v0) % 2 == step.half]
    return torch.from_numpy(positions)


def _copy_head(own: State, weights: State, names: tuple[str, str], rows: Tensor) -> None:
    new, old = own[f"{names[0]}_head"], weights[f"{names[1]}_head"]
    if new.ndim == 1:
        new.copy_(old[rows])
    else:
        new.zero_()
        new[:, : old.shape[1]] = old[rows]


def _copy_embed(own: State, weights: State, names: tuple[str, str], step: BlockStep, whole: Step) -> None:
    if f"{names[0]}_embed" not in own:
        return
    new, old = own[f"{names[0]}_embed"], weights[f"{names[1]}_embed"]
    if new.ndim == 1:
        new.copy_(old * (1.0 if step.half is None else 0.5))
    else:
        positions = _positions(step, whole)
        new.copy_(old[:, torch.cat([positions + i * whole.size for i in range(old.shape[1] // whole.size)])])


def _copy_inner(own: State, weights: State, names: tuple[str, str], step: BlockStep, config: PriorConfig) -> None:
    for suffix in ("widen", "rate"):
        if f"{names[0]}_{suffix}" in own:
            own[f"{names[0]}_{suffix}"].copy_(weights[f"{names[1]}_{suffix}"] * (step.half != 1))
    if f"{names[0]}_shape" in own:
        own[f"{names[0]}_shape"].zero_()
    for i in range(config.blocks(step)):
        source = i if step.half is None else step.half
        for suffix in ("conv", "mix"):
            own[f"{names[0]}_block{i}_{suffix}"].copy_(weights[f"{names[1]}_block{source}_{suffix}"])


def _copy_dc(new: Tensor, old: Tensor) -> None:
    if new.shape == old.shape:
        new.copy_(old)
        return
    new.zero_()  # inputs: as before, then the shapes, then (chroma) two of luma
    new[:, :_DC_INPUTS] = old[:, :_DC_INPUTS]
    after = old.shape[1] - _DC_INPUTS
    if after:
        new[:, -after:] = old[:, -after:]
