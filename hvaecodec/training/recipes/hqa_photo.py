"""Recipes of `hqa-photo`: five layers from the bottom up, each on frozen ones, then a prior for the indices of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.models.hqa.stack import LayerConfig
from hvaecodec.training.data import FREE_MORE_SOURCES
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage

FAMILY = "hqa-photo"


@dataclass(frozen=True)
class LayerTraining:
    """Layer `number` of the stack `nets`, counted from 0, is trained with the lower ones frozen.

    crops of `side` pixels make a batch. pool: so many crops are kept as what the lower layers make of them, `fresh` of
    them new at every step (0: all are new). probabilistic: weight of the two terms of the paper's loss. picture: weight
    of the squared error of the picture itself, through the frozen decoders with the mean of every posterior below,
    on the first `picture_crops` of a batch and from the part `picture_from` of the budget on (a picture's error is
    small beside that of standardised values).
    """

    number: int
    nets: tuple[LayerConfig, ...]
    crops: int
    side: int
    pool: int = 0
    fresh: int = 0
    probabilistic: float = 0.001
    temperature: tuple[float, float] = (0.667, 0.001)
    reset_every: int = 20
    reset_below: float = 0.2  # of the mean use of a code
    reset_until: float = 0.6  # part of the budget after which no code is moved
    picture: float = 0.0
    picture_from: float = 0.4
    picture_crops: int = 0
    observed: int = 48  # batches that the standardisation of the target is measured on


@dataclass(frozen=True)
class CodesTraining(LayerTraining):
    """A trained layer is trained once more with its encoder frozen: first its codes are spread over the values.

    What lies above was trained on the encoder's values and stays as it is. spread_below: a code that has less than this
    share of the mean use is moved.
    """

    temperature: tuple[float, float] = (0.1, 0.001)
    reset_until: float = 0.3
    picture_from: float = 0.0
    spread_below: float = 0.4
    spread_cells: int = 120_000


@dataclass(frozen=True)
class IndexTraining:
    """The five index priors are trained at once, on the indices of `pictures` augmented photos, coded before step 0.

    kept: so many cells of each layer are kept of them. cells: so many of each layer make a step, but no more than
    `share` of those kept: the upper layers have few. rounding_from: as in the prior of `dct-vae-photo`.
    """

    net: IndexPriorConfig = field(default_factory=IndexPriorConfig)
    pictures: int = 1600
    kept: int = 3_000_000
    cells: int = 4096
    share: float = 1 / 300
    rounding_from: float = 0.5
    nets: tuple[LayerConfig, ...] = ()  # the layers, where the recipe trains these too


def stack_of(dim: int, codes: int, widths: tuple[tuple[int, int, int], ...]) -> tuple[LayerConfig, ...]:
    """Return layers with (encoder, decoder, blocks) widths, each on the values of the one below, the first on RGB."""
    return tuple(
        LayerConfig(dim if number else 3, encoder, decoder, dim, codes, blocks)
        for number, (encoder, decoder, blocks) in enumerate(widths)
    )


@dataclass(frozen=True)
class Preset:
    """A preset gives these sizes and budgets to the recipe.

    shares: the parts of `minutes`, the layers' budget, for each layer. codes: layers that are trained once more after
    the others, for their codes' sake, in `codes_minutes`. index_minutes: the priors' budget.
    """

    layers: tuple[LayerTraining, ...]
    codes: tuple[CodesTraining, ...]
    indices: IndexTraining
    loop: LoopConfig
    shares: tuple[float, ...] = (0.2, 0.2, 0.25, 0.2, 0.15)
    minutes: float = 52
    codes_minutes: float = 2.5
    index_minutes: float = 12


_CPU = stack_of(32, 512, ((64, 64, 0), (96, 96, 0), (96, 128, 1), (96, 128, 1), (96, 128, 1)))
_GPU = stack_of(32, 512, ((64, 64, 0), (96, 96, 1), (96, 128, 1), (96, 128, 1), (96, 128, 2)))
_TINY = stack_of(4, 512, ((4, 4, 0), (4, 4, 0), (4, 4, 1), (4, 4, 1), (4, 4, 1)))
_LOOP = LoopConfig(
    learning_rate=1.5e-3, warm_up=100, betas=(0.9, 0.95), weight_decay=0.0, ema=0.995, save_minutes=5, log_every=50,
    channels_last=True,
)  # fmt: skip

PRESETS = {
    # an hour on one core: the sizes that the weights in the package have
    "cpu": Preset(
        (
            LayerTraining(0, _CPU, 16, 64, probabilistic=0.0003, observed=1),
            LayerTraining(1, _CPU, 8, 128, picture=40, picture_crops=2),
            LayerTraining(2, _CPU, 16, 128, 1024, 8, picture=80, picture_from=0.25, picture_crops=6, reset_below=0.35),
            LayerTraining(3, _CPU, 16, 256, 512, 4, reset_below=0.35),
            LayerTraining(4, _CPU, 32, 256, 1024, 4, reset_below=0.35),
        ),
        (
            CodesTraining(1, _CPU, 8, 128, picture=40, picture_crops=3),
            CodesTraining(2, _CPU, 16, 128, 512, 8, picture=80, picture_crops=6),
        ),
        IndexTraining(nets=_CPU),
        _LOOP,
    ),
    # minutes on one large GPU: eight times the batch, no pool
    "gpu": Preset(
        (
            LayerTraining(0, _GPU, 128, 64, probabilistic=0.0003, observed=1),
            LayerTraining(1, _GPU, 64, 128, picture=40, picture_crops=16),
            LayerTraining(2, _GPU, 128, 128, picture=80, picture_from=0.25, picture_crops=48),
            LayerTraining(3, _GPU, 128, 256),
            LayerTraining(4, _GPU, 256, 256),
        ),
        (
            CodesTraining(1, _GPU, 64, 128, picture=40, picture_crops=16),
            CodesTraining(2, _GPU, 128, 128, picture=80, picture_crops=48),
        ),
        IndexTraining(pictures=20000, kept=10_000_000, cells=65536, share=1 / 50, nets=_GPU),
        replace(_LOOP, learning_rate=2e-3, save_minutes=2, workers=12),
        minutes=20,
        codes_minutes=1,
        index_minutes=5,
    ),
    # seconds anywhere: to see that everything runs, never for weights
    "tiny": Preset(
        (
            LayerTraining(0, _TINY, 2, 32, probabilistic=0.0003, observed=1),
            LayerTraining(1, _TINY, 2, 32, picture=1, picture_crops=1),
            LayerTraining(2, _TINY, 2, 32, 2, 1, picture=1, picture_from=0.25, picture_crops=1),
            LayerTraining(3, _TINY, 2, 32),
            LayerTraining(4, _TINY, 2, 32),
        ),
        (
            CodesTraining(1, _TINY, 2, 32, picture=1, picture_crops=1, spread_cells=1000),
            CodesTraining(2, _TINY, 2, 32, 2, 1, picture=1, picture_crops=1, spread_cells=100),
        ),
        IndexTraining(IndexPriorConfig(4, 8), pictures=4, kept=2000, cells=64, share=0.5, nets=_TINY),
        replace(_LOOP, warm_up=2, log_every=1),
        minutes=0.1,
        codes_minutes=0.02,
        index_minutes=0.05,
    ),
}


def _whole(name: str, preset: str) -> Recipe:
    sizes = PRESETS[preset]
    total = sizes.minutes + len(sizes.codes) * sizes.codes_minutes + sizes.index_minutes
    stages = []
    for task, share in zip(sizes.layers, sizes.shares, strict=True):
        minutes = sizes.minutes * share
        stages.append(Stage(layer_stage(task.number), task, replace(sizes.loop, minutes=minutes), minutes / total))
    for codes in sizes.codes:
        loop = replace(sizes.loop, minutes=sizes.codes_minutes, learning_rate=sizes.loop.learning_rate / 2, warm_up=20)
        share = sizes.codes_minutes / total
        stages.append(Stage(codes_stage(codes.number), codes, loop, share, layer_stage(codes.number)))
    loop = replace(sizes.loop, minutes=sizes.index_minutes, learning_rate=2e-3, weight_decay=0.01, channels_last=False)
    stages.append(Stage("indices", sizes.indices, loop, sizes.index_minutes / total))
    return Recipe(name, preset, tuple(stages), family=FAMILY)


def layer_stage(number: int) -> str:
    """Return the name of the stage that trains a layer."""
    return f"layer{number + 1}"


def codes_stage(number: int) -> str:
    """Return the name of the stage that trains a layer's codes and decoder once more."""
    return f"codes{number + 1}"


RECIPES: dict[str, Maker] = {
    "hqa-photo": _whole,
    "hqa-photo-free": lambda name, preset: replace(_whole(name, preset), sources=FREE_MORE_SOURCES),
}
