"""How the prior and the generator over tiles of different DCT blocks are trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from hvaecodec.models.photo.block_generator import BlockGeneratorConfig
from hvaecodec.models.photo.block_prior_layers import BlockPriorConfig
from hvaecodec.training.recipes.photo import PoolConfig, StepIndices, Symbols


@dataclass(frozen=True)
class BlockPriorTraining:
    """The prior minimises estimated bits, as with `recipes.photo.PriorTraining`.

    uses: steps that share a batch and its partitions. apart: how far their step indices lie at most from the one that
    the partitions were chosen for.
    """

    net: BlockPriorConfig = field(default_factory=BlockPriorConfig)
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
    pool: PoolConfig = field(default_factory=lambda: PoolConfig(16, 16, 8))


@dataclass(frozen=True)
class BlockGeneratorTraining:
    """The generator minimises distortion and, on a part of a batch, -ELBO, as with `recipes.photo.GeneratorTraining`.

    dropped: share of the crops whose symbols of +-1 below `dead` steps are zero, as an encoder's search would have
    them; the bound is drawn anew for every crop.
    """

    net: BlockGeneratorConfig = field(default_factory=BlockGeneratorConfig)
    crops: int = 16
    elbo_crops: int = 4
    elbo_weight: float = 0.25
    kl_warm_up: int = 0
    side: int = 128
    indices: StepIndices = (0, 620)
    fine_share: float = 0.22
    fine_indices: StepIndices = (460, 793)
    dropped: float = 0.5
    dead: tuple[float, float] = (0.5, 0.66)
    symbols: Symbols = "plain"
    pool: PoolConfig = field(default_factory=lambda: PoolConfig(64, 4, 4))
