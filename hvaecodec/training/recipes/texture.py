"""Recipes of textures: the codec's decoder stays as it is, old files can be drawn with the new net."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hvaecodec.models.texture_config import TextureConfig
from hvaecodec.training.data import FREE_SOURCES
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage

FAMILY = "texture"


@dataclass(frozen=True)
class TextureTraining:
    """A texture is trained against a critic of patches, on pictures that a codec has coded and decoded.

    pool: so many pictures of `pool_side` are kept, each for as long as it takes to draw `uses` crops of `side` from it;
    `crops` of these make a batch.
    score, features, error, mean: weights of the critic's score; of the distance of its features from those of the
    photo; of the squared error, relative to the smooth picture's own; of what the texture changes in the mean of 8 x 8
    pixels, likewise relative. critic_rate: the critic's learning rate, relative to the texture's. strength: so much of
    what was trained is exported as temperature 1; all of it makes fringes of edges on smooth ground.
    """

    net: TextureConfig = field(default_factory=TextureConfig)
    critic_width: int = 48
    pool: int = 700
    pool_side: int = 256
    uses: int = 8
    crops: int = 8
    side: int = 128
    score: float = 1.0
    features: float = 1.0
    error: float = 0.3
    mean: float = 1.0
    critic_rate: float = 1.0
    strength: float = 0.6


@dataclass(frozen=True)
class DctTexture(TextureTraining):
    """A texture goes on top of `dct-vae-photo` at temperature 0.

    coarse: the part of the pictures whose step index is drawn up to `coarse_index`, about 0.4 bits per pixel; the
    others have any.
    """

    coarse: float = 0.8
    coarse_index: int = 280


@dataclass(frozen=True)
class HqaTexture(TextureTraining):
    """A texture goes on top of `hqa-photo` with its lower layers drawn.

    layers: how often each is coded, from layer 1 on.
    """

    layers: tuple[float, ...] = (0.05, 0.15, 0.25, 0.35, 0.2)


_LOOP = LoopConfig(
    minutes=122, learning_rate=5e-4, floor=0.05, warm_up=100, betas=(0.5, 0.9), weight_decay=0.0, clip=5.0, ema=0.998,
    save_minutes=5, log_every=50, channels_last=True,
)  # fmt: skip
_KINDS: dict[str, tuple[TextureTraining, LoopConfig]] = {
    "dct-vae-photo-texture": (DctTexture(), _LOOP),
    "hqa-photo-texture": (HqaTexture(), _LOOP),
}


def _texture(name: str, preset: str) -> Recipe:
    task, loop = _KINDS[name.removesuffix("-free")]
    if preset == "gpu":
        task = replace(task, crops=32, pool=4000, critic_width=96)
        loop = replace(loop, minutes=20, save_minutes=2)
    elif preset == "tiny":
        small = TextureConfig(quarter=8, quarter_blocks=1, half=4, half_blocks=1, noise=1)
        task = replace(task, net=small, critic_width=4, pool=2, pool_side=64, crops=2, side=32)
        loop = replace(loop, warm_up=1, log_every=1)
    sources = FREE_SOURCES if name.endswith("-free") else None
    return Recipe(name, preset, (Stage("texture", task, loop),), family=FAMILY, sources=sources)


RECIPES: dict[str, Maker] = dict.fromkeys((*_KINDS, *(f"{name}-free" for name in _KINDS)), _texture)
