"""The recipe of a sampler of `hqa-photo`: what temperature draws the lower layers from, on top of existing layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.training.data import FREE_SOURCES
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage
from hvaecodec.training.recipes.hqa_photo import IndexTraining

FAMILY = "hqa-sampler"


@dataclass(frozen=True)
class SamplerTraining(IndexTraining):
    """The conditional priors of all layers but the top one are trained at once, each with a view of the layer above.

    temperature: what was trained is exported with this temperature as its temperature 1. At its own 1 the unlikely
    draws of one layer are what the next one sees, and add up. It was chosen on validation photos, in the features of
    the net `features-cifar-check`.
    """

    net: IndexPriorConfig = field(default_factory=lambda: IndexPriorConfig(embedding=8, hidden=96, above=True))
    pictures: int = 2400
    temperature: float = 0.7


_LOOP = LoopConfig(
    minutes=30, learning_rate=2e-3, warm_up=100, betas=(0.9, 0.95), weight_decay=0.02, ema=0.995, save_minutes=5,
    log_every=50,
)  # fmt: skip
PRESETS = {
    "cpu": (SamplerTraining(), _LOOP),
    "gpu": (
        SamplerTraining(pictures=20000, kept=10_000_000, cells=65536, share=1 / 50),
        replace(_LOOP, minutes=5, save_minutes=2),
    ),
    "tiny": (
        SamplerTraining(IndexPriorConfig(4, 8, above=True), pictures=4, kept=2000, cells=64, share=0.5),
        replace(_LOOP, minutes=0.1, warm_up=2, log_every=1),
    ),
}


def _sampler(name: str, preset: str) -> Recipe:
    task, loop = PRESETS[preset]
    sources = FREE_SOURCES if name.endswith("-free") else None
    return Recipe(name, preset, (Stage("sampler", task, loop),), family=FAMILY, sources=sources)


RECIPES: dict[str, Maker] = dict.fromkeys(("hqa-photo-sampler", "hqa-photo-sampler-free"), _sampler)
