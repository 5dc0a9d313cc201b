"""Recipes of the perceptual generator: the codec's files and its picture at temperature 0 stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hvaecodec.training.data import FREE_MORE_SOURCES
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage


@dataclass(frozen=True)
class PerceptualTraining:
    """A second generator draws pictures for the eye; it begins with the weights of the first one.

    pool: so many coded photos of `pool_side` are kept, each for as long as it takes to draw `uses` crops of `side`
    pixels from it. crops: different ones of them in a batch. twice: so many of them are there a second time, under
    another draw. coarse: the part of the photos whose step index is drawn up to `coarse_index`, about 0.4 bits per
    pixel; the others have any. refined: the part that is coded at effort 2, with `passes` of refinement; the others are
    coded at effort 1.

    Weights of the loss. lpips: LPIPS (AlexNet) at full size. shrunk: the same at 1/2 to 3/4 of the size. error: squared
    error of grey levels. score: the critic's. sample: of what the mean difference of two draws lacks, where it is less
    than `difference` times the usual error of the first generator at the step. mesh: of what repeats every four pixels
    in the error, squared. critic_rate: the critic's learning rate, relative to the net's.
    """

    critic_width: int = 48
    pool: int = 96
    pool_side: int = 256
    uses: int = 4
    crops: int = 6
    twice: int = 2
    side: int = 128
    coarse: float = 0.93
    coarse_index: int = 300
    refined: float = 0.03
    passes: int = 3
    lpips: float = 1.0
    shrunk: float = 0.5
    error: float = 0.0005
    score: float = 0.08
    sample: float = 0.2
    difference: float = 0.15
    mesh: float = 0.01
    critic_rate: float = 1.0


_LOOP = LoopConfig(
    minutes=600, learning_rate=4e-4, warm_up=200, betas=(0.5, 0.99), weight_decay=0.0, save_minutes=5, log_every=50,
    channels_last=True,
)  # fmt: skip
NAME = "dct-vae-photo-perceptual"


def _perceptual(name: str, preset: str) -> Recipe:
    task, loop = PerceptualTraining(), _LOOP
    if preset == "gpu":
        task = replace(task, crops=24, twice=8, pool=512, critic_width=96)
        loop = replace(loop, minutes=30, save_minutes=2)
    elif preset == "tiny":
        task = replace(task, critic_width=4, pool=3, pool_side=96, crops=2, twice=1, side=64, passes=1)
        loop = replace(loop, warm_up=1, log_every=1)
    sources = FREE_MORE_SOURCES if name.endswith("-free") else None
    return Recipe(name, preset, (Stage("perceptual", task, loop),), family="perceptual", sources=sources)


RECIPES: dict[str, Maker] = dict.fromkeys((NAME, f"{NAME}-free"), _perceptual)
