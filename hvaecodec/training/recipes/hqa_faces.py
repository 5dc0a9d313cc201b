"""Recipes of the HQA paper's experiment on faces: seven layers on 64x64 pictures, 512 codes, at reduced scale.

The grids are 64, 32, ... 1 a side, so the first layer does not halve. A VQ-VAE has one rate; three of the paper's seven
are here, each as large as the layers of HQA that it stands against. Weights of faces are not for release.
"""

from __future__ import annotations

from hvaecodec.models.hqa.vqvae import VqVaeConfig
from hvaecodec.training.recipes.common import Maker, Recipe, Stage
from hvaecodec.training.recipes.hqa import (
    DEEP,
    HIERARCHIES,
    Plan,
    SmallTraining,
    deep_loop,
    layer_configs,
    layer_loop,
    reset_sooner,
)

# encoder, decoder, decoder of HAMs, pictures a step, window, steps
PLANS = {
    "cpu": (
        Plan(32, 32, 32, 16, 16, 400),
        Plan(32, 48, 24, 16, 32, 400),
        Plan(32, 64, 24, 16, 0, 400),
        Plan(32, 64, 24, 32, 0, 600),
        Plan(64, 96, 32, 64, 0, 700),
        Plan(64, 96, 40, 128, 0, 700),
        Plan(64, 96, 40, 128, 0, 700),
    ),
    "gpu": tuple(Plan(128, 256, 160, 128, 0, 10_000) for _ in range(7)),
    "tiny": tuple(Plan(4, 4, 4, 8, side, 2) for side in (16, 32, 0, 0, 0, 0, 0)),
}
SINGLES = {
    "cpu": {9: (16, 24, 40, 64, 80, 80), 144: (24, 40, 64, 72), 2304: (32, 68)},
    "gpu": {9: (64, 96, 128, 192, 256, 256), 144: (96, 160, 224, 256), 2304: (128, 288)},
    "tiny": {9: (4, 4, 4, 4, 4, 4), 144: (4, 4, 4, 4), 2304: (4, 4)},
}
_STEPS = {"cpu": 1000, "gpu": 30_000, "tiny": 2}
_CODES = {"cpu": 512, "gpu": 512, "tiny": 8}
_BATCHES = {"cpu": 16, "gpu": 128, "tiny": 8}  # of a VQ-VAE


def _hierarchy(key: str, name: str, preset: str) -> Recipe:
    system, plans = HIERARCHIES[key], PLANS[preset]
    stages = []
    configs = layer_configs(plans, inputs=3, codes=_CODES[preset], values=system.values, first=1)
    for number, config in enumerate(configs):
        plan = plans[number]
        task = SmallTraining(config, reset_sooner(system.objective, preset), plan.batch, plan.window, "faces64")
        stages.append(Stage(f"layer{number}", task, layer_loop(preset, plan.steps), 1 / len(plans)))
    return Recipe(name, preset, tuple(stages), family="hqa")


def _single(bits: int, name: str, preset: str) -> Recipe:
    config = VqVaeConfig(3, SINGLES[preset][bits], codes=_CODES[preset])
    task = SmallTraining(config, DEEP, _BATCHES[preset], 0, "faces64")
    return Recipe(name, preset, (Stage("layer0", task, deep_loop(preset, _STEPS[preset])),), family="hqa")


def _hierarchy_maker(key: str) -> Maker:
    return lambda name, preset: _hierarchy(key, name, preset)


def _single_maker(bits: int) -> Maker:
    return lambda name, preset: _single(bits, name, preset)


# systems of table 2 -> their recipes
FACES = {"hqa": "hqa-faces", "hams": "hqa-faces-hams"} | {
    f"vqvae-{bits}": f"hqa-faces-vqvae-{bits}" for bits in SINGLES["cpu"]
}
RECIPES: dict[str, Maker] = {FACES[key]: _hierarchy_maker(key) for key in ("hqa", "hams")} | {
    FACES[f"vqvae-{bits}"]: _single_maker(bits) for bits in SINGLES["cpu"]
}
