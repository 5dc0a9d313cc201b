"""The recipe that trains all layers of `hqa-photo` together, for the eye; then their priors, and a texture on top."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.models.texture_config import TextureConfig
from hvaecodec.training.data import FREE_MORE_SOURCES
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage
from hvaecodec.training.recipes.hqa_photo import IndexTraining
from hvaecodec.training.recipes.texture import HqaTexture

FAMILY = "hqa-perceptual"
NAME = "hqa-photo-perceptual"


@dataclass(frozen=True)
class StackTraining:
    """Encoders, codes and decoders of all layers are trained together; they begin with those of a finished codec.

    tops: the layer, counted from 1, that each crop of a batch is coded at, from the highest to the lowest. side: of the
    crops, in pixels. drawn: how often a step draws codes, those of the top layer among them, as a decoder does at
    temperature 1; the other steps take the nearest ones.

    Weights of the loss. lpips, shrunk: LPIPS (AlexNet) of the picture, and of the picture at 1/2 to 3/4 of its size.
    error: its squared error in grey levels. paper: the paper's loss, each layer's error in standardised values of the
    layer below plus `probabilistic` times its two other terms, the mean over the layers. rate: bits a cell by the index
    priors that the codec had, the mean over the layers from `rated` on, whose priors save least. use: what the use of
    codes lacks of an even one, in nats, the mean over the layers.

    reset_every, reset_below, reset_until: as in `LayerTraining`, for every layer.
    """

    tops: tuple[int, ...] = (5, 4, 4, 3, 3, 2, 2, 1)
    side: int = 160
    drawn: float = 0.5
    lpips: float = 1.0
    shrunk: float = 0.5
    error: float = 0.001
    paper: float = 0.3
    probabilistic: float = 0.001
    rate: float = 0.02
    rated: int = 3
    use: float = 0.1
    reset_every: int = 400
    reset_below: float = 0.05
    reset_until: float = 0.5


@dataclass(frozen=True)
class PerceptualTexture(HqaTexture):
    """The texture's loss is that of the perceptual generator of `dct-vae-photo`: LPIPS beside error and critic.

    lpips, shrunk: weights of LPIPS (AlexNet) at full size and at 1/2 to 3/4 of it. error: of the squared error in grey
    levels. The terms `features` and `mean` are not used.
    """

    score: float = 0.08
    error: float = 0.0005
    features: float = 0.0
    mean: float = 0.0
    strength: float = 1.0
    layers: tuple[float, ...] = (0.1, 0.25, 0.25, 0.25, 0.15)
    pool: int = 256
    lpips: float = 1.0
    shrunk: float = 0.5


_LOOP = LoopConfig(
    minutes=170, learning_rate=2e-4, warm_up=200, betas=(0.9, 0.99), weight_decay=0.0, save_minutes=5, log_every=50,
    channels_last=True,
)  # fmt: skip
_INDICES = replace(
    _LOOP, minutes=25, learning_rate=2e-3, warm_up=100, betas=(0.9, 0.95), weight_decay=0.01, ema=0.995,
    channels_last=False,
)  # fmt: skip
_TEXTURE = replace(_LOOP, minutes=45, learning_rate=5e-4, warm_up=100, betas=(0.5, 0.99), ema=0.998)


def _stages(preset: str) -> tuple[Stage, ...]:
    stack, indices, texture = StackTraining(), IndexTraining(), PerceptualTexture()
    loops = [_LOOP, _INDICES, _TEXTURE]
    if preset == "gpu":
        stack = replace(stack, tops=tuple(top for top in stack.tops for _ in range(8)), side=256)
        indices = replace(indices, pictures=20000, kept=10_000_000, cells=65536, share=1 / 50)
        texture = replace(texture, crops=32, pool=2000, critic_width=96)
        loops = [replace(loop, minutes=loop.minutes / 10, save_minutes=2) for loop in loops]
    elif preset == "tiny":
        stack = replace(stack, tops=(5, 4, 3, 2, 1), side=64)
        indices = replace(indices, net=IndexPriorConfig(4, 8), pictures=4, kept=2000, cells=64, share=0.5)
        small = TextureConfig(quarter=8, quarter_blocks=1, half=4, half_blocks=1, noise=1)
        texture = replace(texture, net=small, critic_width=4, pool=2, pool_side=64, crops=2, side=64)
        loops = [replace(loop, minutes=0.1, warm_up=1, log_every=1) for loop in loops]
    total = sum(loop.minutes for loop in loops)
    tasks = (stack, indices, texture)
    names = ("stack", "indices", "texture")
    return tuple(
        Stage(name, task, loop, loop.minutes / total) for name, task, loop in zip(names, tasks, loops, strict=True)
    )


def _perceptual(name: str, preset: str) -> Recipe:
    sources = FREE_MORE_SOURCES if name.endswith("-free") else None
    return Recipe(name, preset, _stages(preset), family=FAMILY, sources=sources)


RECIPES: dict[str, Maker] = dict.fromkeys((NAME, f"{NAME}-free"), _perceptual)
