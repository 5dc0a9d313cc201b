"""Recipes of the classifiers that perception is measured with: two on CIFAR-10, one on digits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hvaecodec.models.feature_nets import DigitConfig, FeatureConfig, PlainConfig, ResidualConfig
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage


@dataclass(frozen=True)
class ClassifierTraining:
    """A classifier minimises cross-entropy on pictures that are shifted, mirrored and have a square cut out."""

    net: FeatureConfig
    data: Literal["cifar10", "mnist32"] = "cifar10"
    batch: int = 128
    shift: int = 4  # pixels, each way
    mirror: bool = True
    cutout: int = 10  # side of the square that is made grey; 0 for none
    smoothing: float = 0.05  # of the labels


_CIFAR_LOOP = LoopConfig(
    minutes=10, learning_rate=4e-3, floor=0.005, warm_up=100, weight_decay=0.03, clip=3.0, ema=0.995, save_minutes=4,
    channels_last=True,
)  # fmt: skip
_DIGITS_LOOP = replace(_CIFAR_LOOP, minutes=3, learning_rate=2e-3)

_TASKS: dict[str, tuple[ClassifierTraining, LoopConfig]] = {
    "features-cifar": (ClassifierTraining(PlainConfig()), _CIFAR_LOOP),
    "features-cifar-check": (ClassifierTraining(ResidualConfig()), _CIFAR_LOOP),
    "digits": (ClassifierTraining(DigitConfig(), "mnist32", shift=2, mirror=False, cutout=0), _DIGITS_LOOP),
}

_TINY: dict[str, FeatureConfig] = {
    "features-cifar": PlainConfig((4, 4, 4, 4, 4, 4, 8)),
    "features-cifar-check": ResidualConfig(4, (4, 4, 8), 8),
    "digits": DigitConfig((2, 4), 8, 8),
}


def _classifier(name: str, preset: str) -> Recipe:
    task, loop = _TASKS[name]
    if preset == "gpu":  # the same nets, whose size is given: larger batches, a few dozen epochs a minute
        task = replace(task, batch=512)
        loop = replace(loop, minutes=loop.minutes / 3, learning_rate=2 * loop.learning_rate, save_minutes=2)
    if preset == "tiny":  # seconds anywhere: to see that everything runs
        task = replace(task, net=_TINY[name], batch=8)
        loop = replace(loop, minutes=0.05, warm_up=2, log_every=1)
    return Recipe(name, preset, (Stage("classifier", task, loop, start="init"),), family="classifier")


RECIPES: dict[str, Maker] = dict.fromkeys(_TASKS, _classifier)
