"""Recipes of the HQA paper's experiments: six systems on digits, three kinds on faces, one layer a stage.

The systems differ in their objective and in what their decoders reconstruct; their sizes are equal within 1 %. Weights
of presets: `cpu` has reduced widths and epochs, `gpu` the widths, epochs and batches of the authors' notebook.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from hvaecodec.models.hqa.build import Config
from hvaecodec.models.hqa.losses import Objective
from hvaecodec.models.hqa.stack import LayerConfig
from hvaecodec.models.hqa.vqvae import VqVaeConfig
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage

DIM = 64
DataSet = Literal["mnist32", "faces64"]


@dataclass(frozen=True)
class LayerTraining:
    """One layer is trained so.

    layer: the net. objective: what it minimises. batch: pictures a step. window: side in pixels of the random squares
    that are cut from them, 0 for whole pictures.
    """

    layer: Config
    objective: Objective = field(default_factory=Objective)
    batch: int = 128
    window: int = 0


@dataclass(frozen=True)
class SmallTraining(LayerTraining):
    """A layer is trained on a data set of small pictures, which fits in memory."""

    data: DataSet = "mnist32"


@dataclass(frozen=True)
class Plan:
    """One layer of a hierarchy has these sizes: widths, pictures a step, window in pixels, steps.

    hams: the decoder's width where it gives logits, for equal parameters.
    """

    encoder: int
    decoder: int
    hams: int
    batch: int
    window: int
    steps: int


@dataclass(frozen=True)
class System:
    """This is a row of the paper's table 3.

    values: the decoder reconstructs the z_e below (the paper's "MSE"), else its codes.
    """

    title: str
    objective: Objective
    values: bool


NEAREST, GUMBEL = Objective(stochastic=False), Objective(probabilistic=0.0)
DEEP = replace(NEAREST, begin=0.25, even_start=True)  # else a VQ-VAE finds no more than the mean picture
HIERARCHIES = {
    "hams": System("HAMs", NEAREST, False),
    "hams-gs": System("HAMs + GS", GUMBEL, False),
    "hams-mse": System("HAMs + MSE", NEAREST, True),
    "hams-gs-mse": System("HAMs + GS + MSE", GUMBEL, True),
    "hqa": System("HQA", Objective(), True),
}

_LOOP = LoopConfig(
    learning_rate=2e-3,
    floor=0.02,
    warm_up=50,
    weight_decay=0.0,
    clip=1.0,
    ema=0.0,
    log_every=100,
    save_minutes=5,
    channels_last=True,
)
_DIGITS = (  # five epochs for the lower two, on windows, for a digit has hundreds of cells there; ten for the others
    Plan(16, 16, 16, 128, 16, 2300),
    Plan(16, 64, 40, 128, 24, 2300),
    Plan(32, 96, 64, 128, 0, 4600),
    Plan(64, 128, 80, 128, 0, 4600),
    Plan(64, 144, 104, 128, 0, 4600),
)
_NOTEBOOK = tuple(
    Plan(encoder, decoder, hams, 512, 0, 17_700)
    for encoder, decoder, hams in zip(
        (16, 16, 32, 64, 128), (16, 64, 256, 512, 1024), (16, 40, 208, 416, 944), strict=True
    )
)
_TINY = tuple(Plan(4, 4, 4, 8, 16 if number == 0 else 0, 4) for number in range(5))
DIGITS = {"cpu": _DIGITS, "gpu": _NOTEBOOK, "tiny": _TINY}
_DIGITS_VQVAE = {
    "cpu": (VqVaeConfig(1, (8, 24, 48, 72, 94)), 64, 9200),  # ten epochs
    "gpu": (VqVaeConfig(1, (64, 96, 160, 240, 304)), 512, 88_500),
    "tiny": (VqVaeConfig(1, (4, 4, 4, 4, 4)), 8, 4),
}
_CODES = {"cpu": 256, "gpu": 256, "tiny": 8}


def layer_configs(plans: tuple[Plan, ...], *, inputs: int, codes: int, values: bool, first: int) -> list[LayerConfig]:
    """Return the layers of a hierarchy, bottom first.

    inputs: channels of the pictures. values: as in `System`. first: stride of the bottom layer.
    """
    out = []
    for number, plan in enumerate(plans):
        gives_values = values or number == 0
        out.append(
            LayerConfig(
                inputs=DIM if number else inputs,
                encoder=plan.encoder,
                decoder=plan.decoder if gives_values else plan.hams,
                dim=DIM,
                codes=codes,
                stride=2 if number else first,
                outputs=0 if gives_values else codes,
            )
        )
    return out


def layer_loop(preset: str, steps: int) -> LoopConfig:
    """Return the loop of a layer."""
    if preset == "tiny":
        return replace(_LOOP, steps=steps, warm_up=1, log_every=1)
    return replace(_LOOP, steps=steps, save_minutes=2 if preset == "gpu" else _LOOP.save_minutes)


def deep_loop(preset: str, steps: int) -> LoopConfig:
    """Return the loop of a VQ-VAE, whose net is deeper than a layer's: at the layers' learning rate it never starts."""
    return replace(layer_loop(preset, steps), learning_rate=1e-3)


def reset_sooner(objective: Objective, preset: str) -> Objective:
    """Reset codes more often on a CPU: with a tenth of the notebook's steps a rare code has to be found sooner."""
    return replace(objective, reset_every=5) if preset == "cpu" else objective


def _hierarchy(system: System, name: str, preset: str) -> Recipe:
    plans, codes = DIGITS[preset], _CODES[preset]
    objective = reset_sooner(system.objective, preset)
    stages = []
    for number, config in enumerate(layer_configs(plans, inputs=1, codes=codes, values=system.values, first=2)):
        task = SmallTraining(config, objective, plans[number].batch, plans[number].window)
        stages.append(Stage(f"layer{number}", task, layer_loop(preset, plans[number].steps), 1 / len(plans)))
    return Recipe(name, preset, tuple(stages), family="hqa")


def _single(name: str, preset: str) -> Recipe:
    config, batch, steps = _DIGITS_VQVAE[preset]
    task = SmallTraining(replace(config, codes=_CODES[preset]), DEEP, batch)
    return Recipe(name, preset, (Stage("layer0", task, deep_loop(preset, steps)),), family="hqa")


def _maker(system: System) -> Maker:
    return lambda name, preset: _hierarchy(system, name, preset)


# systems of table 3 -> their recipes
MNIST = {"vqvae": "hqa-mnist-vqvae"} | {key: "hqa-mnist" if key == "hqa" else f"hqa-mnist-{key}" for key in HIERARCHIES}
RECIPES: dict[str, Maker] = {"hqa-mnist-vqvae": _single} | {
    MNIST[key]: _maker(system) for key, system in HIERARCHIES.items()
}
