"""Recipes of the super-resolution VAE and of the single-level VAE beside it, on CIFAR-10, with equal steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hvaecodec.models.srvae.config import PRESETS, SrVaeConfig, VaeConfig
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage


@dataclass(frozen=True)
class SrVaeTraining:
    """-ELBO in bits per dim of pictures that are shifted and mirrored at random, as in the paper.

    free_kl: part of the budget over which the weight of the KL terms rises from 0 to 1, which the paper does not have.
    With a thousandth of its steps x learns to do with y alone before z says anything, and z is lost for good.
    The recipes without `-plain` have it.
    """

    net: VaeConfig | SrVaeConfig
    batch: int = 32
    shift: int = 2  # pixels, each way, edges continued: 5 % of 32, rounded up
    mirror: bool = True
    start_batch: int = 64  # pictures that the weight normalisation starts from
    free_kl: float = 0.0


# The paper: Adamax at 2e-3 with hardly any decay for 2.7 million steps. Here a cosine over few steps, and an average.
# Gradients have norms of 20 to 150. The limit is for outliers: one that every step meets weights each step by its noise,
# and y's nets, whose share of the gradient is small, learn nothing for thousands of steps.
_LOOP = LoopConfig(
    steps=7_500, learning_rate=2e-3, floor=0.01, warm_up=200, betas=(0.9, 0.999), weight_decay=0.0, clip=200.0, ema=0.998,
    save_minutes=5, log_every=50, channels_last=True, compiled=True,
)  # fmt: skip

_RISING = 0.3
# recipe -> its model in models.srvae.config.PRESETS, and `free_kl`
_MODELS = {
    "srvae-cifar10": ("srvae", _RISING),
    "srvae-cifar10-vae": ("vae", _RISING),
    "srvae-cifar10-plain": ("srvae", 0.0),
    "srvae-cifar10-vae-plain": ("vae", 0.0),
}


def _srvae(name: str, preset: str) -> Recipe:
    kind, free_kl = _MODELS[name]
    if preset == "gpu":  # the paper's sizes and batch, a fiftieth of its steps
        task, loop = SrVaeTraining(PRESETS["paper"][kind]), replace(_LOOP, steps=54_000, save_minutes=2)
    elif preset == "tiny":  # seconds anywhere: to see that everything runs
        task = SrVaeTraining(PRESETS["tiny"][kind], batch=4, start_batch=4)
        loop = replace(_LOOP, steps=4, warm_up=1, log_every=1, compiled=False)
    else:
        task, loop = SrVaeTraining(PRESETS["cpu"][kind]), _LOOP
    return Recipe(name, preset, (Stage("model", replace(task, free_kl=free_kl), loop),), family="srvae")


RECIPES: dict[str, Maker] = dict.fromkeys(_MODELS, _srvae)
