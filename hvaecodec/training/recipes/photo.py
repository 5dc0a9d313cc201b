"""Recipes of `dct-vae-photo`: the prior, the generator, and both tuned on searched symbols."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from hvaecodec.models.photo.generator import GeneratorConfig, ScaleConfig
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.training.data import FREE_MORE_SOURCES
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage

Symbols = Literal["plain", "searched"]
StepIndices = tuple[int, int]  # [low, high)


@dataclass(frozen=True)
class PoolConfig:
    """Searched symbols are used again: `entries` of `crops` crops each, and each entry in about `uses` steps."""

    entries: int
    crops: int
    uses: int


@dataclass(frozen=True)
class PriorTraining:
    """The prior minimises estimated bits.

    A share of the batches are halved photos at fine steps: their chroma is whole.

    uses: steps that share a batch and its partitions. apart: how far their step indices lie at most from the one that
    the partitions were chosen for. rounding_from: the part of the budget after which weights and activations are
    rounded as the integers are.
    linear_crops: crops of `side` that the linear predictions are fitted on.
    """

    net: PriorConfig = field(default_factory=PriorConfig)
    crops: int = 16
    side: int = 256
    indices: StepIndices = (0, 640)
    fine_share: float = 0.3
    fine_crops: int = 64
    fine_side: int = 128
    fine_indices: StepIndices = (480, 793)
    uses: int = 3
    apart: int = 24
    rounding_from: float = -1.0
    linear_crops: int = 384
    symbols: Symbols = "plain"
    pool: PoolConfig = PoolConfig(16, 16, 2)


@dataclass(frozen=True)
class GeneratorTraining:
    """The generator minimises distortion at temperature 0 and, on the last `elbo_crops` of a batch, -ELBO.

    balance: exponent of a crop's weight by what its context lacks; 0 weighs all squared errors alike.
    kl_warm_up: steps over which the weight of the KL rises from 0.2 to 1, 0 for none. dropped: share of the crops
    whose symbols of +-1 below `dead` steps are zero, as an encoder's search would have them; the bound is drawn anew
    for every crop.
    """

    net: GeneratorConfig = field(default_factory=GeneratorConfig)
    crops: int = 16
    elbo_crops: int = 4
    elbo_weight: float = 0.25
    balance: float = 0.5
    kl_warm_up: int = 0
    side: int = 128
    indices: StepIndices = (0, 620)
    fine_share: float = 0.22
    fine_indices: StepIndices = (460, 793)
    dropped: float = 0.5
    dead: tuple[float, float] = (0.5, 0.66)
    symbols: Symbols = "plain"
    pool: PoolConfig = PoolConfig(64, 4, 2)


@dataclass(frozen=True)
class Preset:
    """A preset gives these sizes to every recipe; minutes and learning rates are those of plain symbols."""

    prior: PriorTraining
    generator: GeneratorTraining
    loop: LoopConfig
    minutes: float = 90  # for each of the two nets
    count_crops: int = 256

    @property
    def generator_loop(self) -> LoopConfig:
        """The loop of the generator, with SOAP; the prior gains nothing from it in equal time and takes AdamW."""
        return replace(self.loop, optimiser="soap", every=10, gather=2)


_WIDE = GeneratorConfig(
    (
        ScaleConfig(32, 96, 1, 8),
        ScaleConfig(16, 128, 3, 8),
        ScaleConfig(8, 168, 6, 8),
        ScaleConfig(4, 104, 6, 6, context_side=3),
        ScaleConfig(2, 36, 1, 3, context_side=3),
    ),
    encoder=56,
)
_TINY = GeneratorConfig((ScaleConfig(8, 8, 1, 2), ScaleConfig(4, 8, 1, 2), ScaleConfig(2, 8, 1, 2)), encoder=8)

PRESETS = {
    # hours on two cores: the sizes that the weights in the package have
    "cpu": Preset(PriorTraining(), GeneratorTraining(), LoopConfig(log_every=200)),
    # minutes on one large GPU: batches four times the size, nets as wide as 20 MB of weights allow
    "gpu": Preset(
        PriorTraining(
            PriorConfig(fine=200), crops=64, fine_crops=256, pool=PoolConfig(16, 64, 2), linear_crops=768
        ),
        GeneratorTraining(_WIDE, crops=64, elbo_crops=16, pool=PoolConfig(128, 8, 2)),
        LoopConfig(learning_rate=1.5e-3, save_minutes=2, channels_last=True, workers=12),
        minutes=12,
    ),
    # seconds anywhere: to see that everything runs, never for weights
    "tiny": Preset(
        PriorTraining(
            PriorConfig(coarse=8, fine=8, luma_blocks=1, dc_hidden=8),
            crops=2, side=64, fine_crops=2, fine_side=32, linear_crops=8, pool=PoolConfig(2, 2, 2),
        ),
        GeneratorTraining(_TINY, crops=4, elbo_crops=2, side=64, pool=PoolConfig(3, 2, 2)),
        LoopConfig(log_every=1, warm_up=2),
        minutes=0.1,
        count_crops=2,
    ),
}  # fmt: skip

_TUNE_RATE = 0.3  # learning rate of the fine-tuning on searched symbols, relative to plain training
_TUNE_SHARE = 0.2  # of the whole budget


def _prior(name: str, preset: str) -> Recipe:
    sizes = PRESETS[preset]
    stage = Stage("prior", sizes.prior, replace(sizes.loop, minutes=sizes.minutes), start="init")
    return Recipe(name, preset, (stage,), count_crops=sizes.count_crops)


def _generator(name: str, preset: str) -> Recipe:
    sizes = PRESETS[preset]
    loop = replace(sizes.generator_loop, minutes=sizes.minutes)
    return Recipe(name, preset, (Stage("generator", sizes.generator, loop, start="init"),))


def _no_latents(name: str, preset: str) -> Recipe:
    recipe = _generator(name, preset)
    (stage,) = recipe.stages
    task = PRESETS[preset].generator
    return replace(recipe, stages=(replace(stage, task=replace(task, net=replace(task.net, latents=False))),))


def _finetune(name: str, preset: str) -> Recipe:
    """Train both nets, which begin with trained weights, on symbols from the encoder's search against the prior."""
    sizes = PRESETS[preset]
    minutes = sizes.minutes * _TUNE_SHARE / (1 - _TUNE_SHARE)
    rate = sizes.loop.learning_rate * _TUNE_RATE
    loops = [replace(loop, minutes=minutes, learning_rate=rate) for loop in (sizes.loop, sizes.generator_loop)]
    prior = replace(sizes.prior, symbols="searched", rounding_from=-1.0, uses=1)
    generator = replace(sizes.generator, symbols="searched", kl_warm_up=0)
    stages = (
        Stage("prior-searched", prior, loops[0], 0.5, "init"),
        Stage("generator-searched", generator, loops[1], 0.5, "init"),
    )
    return Recipe(name, preset, stages, needs_init=True, count_crops=sizes.count_crops)


def _whole(name: str, preset: str) -> Recipe:
    plain = [*_prior(name, preset).stages, *_generator(name, preset).stages]
    finetune = _finetune(name, preset)
    stages = [replace(stage, share=(1 - _TUNE_SHARE) / 2) for stage in plain]
    for stage, start in zip(finetune.stages, plain, strict=True):
        stages.append(replace(stage, share=_TUNE_SHARE / 2, start=start.name))
    return replace(finetune, stages=tuple(stages), needs_init=False)


_MAKERS: dict[str, Maker] = {
    "dct-vae-photo": _whole,
    "dct-vae-photo-prior": _prior,
    "dct-vae-photo-generator": _generator,
    "dct-vae-photo-generator-no-latents": _no_latents,
    "dct-vae-photo-finetune": _finetune,
}


def _free(make: Maker) -> Maker:
    return lambda name, preset: replace(make(name, preset), sources=FREE_MORE_SOURCES)


RECIPES = {name: _free(make) for name, make in _MAKERS.items()} | {
    f"{name}-all-sources": make for name, make in _MAKERS.items() if "no-latents" not in name
}
