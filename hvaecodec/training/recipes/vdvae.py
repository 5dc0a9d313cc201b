"""Recipes of the papers' VAEs: one for every net of `models.vdvae.presets`, `vae-<name of the net>`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from hvaecodec.models.vdvae.config import VdvaeConfig
from hvaecodec.models.vdvae.presets import NETS, TINY, net
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage

PREFIX = "vae-"
GREY = "-grey"


@dataclass(frozen=True)
class VdvaeTraining:
    """A net minimises -ELBO per dimension of whole pictures; bits are drawn anew from grey levels at every step.

    name: the net's, as `models.vdvae.presets.net` knows it. held_out: so many training pictures validate.
    """

    name: str
    net: VdvaeConfig
    data: Literal["mnist", "omniglot", "cifar10"]
    batch: int = 128
    mirror: bool = False
    held_out: int = 1000
    valid: int = 500  # of these, so many at every checkpoint
    checkpointing: bool = False
    sees_grey: ClassVar[bool] = False


class GreyTraining(VdvaeTraining):
    """A net's encoder and context see grey levels and its likelihood bits, as in the code of arXiv:2302.09976."""

    sees_grey = True


# Reduced, equal budgets, in steps: what one paper's systems share. Decay is the paper's (table 6). Rates are not: the
# 1e-3 and 8e-4 of the papers are for hundreds of epochs.
_BITS = LoopConfig(
    steps=3000,
    learning_rate=4e-3,
    floor=0.01,
    warm_up=100,
    betas=(0.9, 0.99),
    ema=0.998,
    save_minutes=5,
    log_every=100,
    channels_last=True,
)
# The limit of gradients is that of VDVAE's released code. In colour they have norms of 5 to 20: the usual limit of 1 is
# met by every step and slows the first hundreds.
_COLOUR = replace(_BITS, steps=4000, learning_rate=2e-3, floor=0.02, clip=200.0)
_STACKED_RATE = 1e-2  # by short runs of mnist-x1 and mnist-r5: at 4e-3, and more so at 1e-3, latents come into use late
_DEEP = ("mnist-large", "mnist-single", "mnist-shared")  # dozens of blocks at 32 x 32: fewer steps on a CPU
_GPU_STEPS = 20_000


def _maker(name: str, preset: str) -> Recipe:
    name_of_net = name.removeprefix(PREFIX).removesuffix(GREY)
    data: Literal["mnist", "omniglot", "cifar10"]
    if name_of_net.startswith("cifar10"):
        data, loop = "cifar10", _COLOUR
    else:
        data, loop = ("omniglot" if name_of_net.startswith("omniglot") else "mnist"), _BITS
    colour = data == "cifar10"
    training = GreyTraining if name.endswith(GREY) else VdvaeTraining
    task = training(name_of_net, net(name_of_net), data, 32 if colour else 128, mirror=colour)
    if task.net.side == 32 and not colour:  # the nets of the weight-sharing paper, at 32 x 32
        task, loop = replace(task, batch=64), replace(loop, steps=1000, learning_rate=_STACKED_RATE)
    if name_of_net in _DEEP and preset == "cpu":
        task, loop = replace(task, batch=32), replace(loop, steps=600)
    if preset == "gpu":
        loop = replace(loop, steps=_GPU_STEPS, save_minutes=2)
        task = replace(task, batch=128)
    if preset == "tiny":
        name_of_net += TINY
        task = replace(task, name=name_of_net, net=net(name_of_net), batch=4, held_out=10, valid=6)
        loop = replace(loop, steps=4, warm_up=2, log_every=1)
    return Recipe(name, preset, (Stage("vae", task, loop, start="init"),), family="vdvae")


_IN_GREY = ("mnist-vdvae", "mnist-dct")
RECIPES: dict[str, Maker] = {f"{PREFIX}{name}": _maker for name in (*NETS, *(name + GREY for name in _IN_GREY))}
