"""What a generator's file says of its net, checked for whatever library runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.photo.adaptation import DIRECTIONS
from hvaecodec.codec.weight_folders import config_of
from hvaecodec.models.photo.generator_config import GeneratorConfig

BASIS = "basis"  # the tensor of the directions that files may change the net in
_FOLDS = [32, 16, 8, 4, 2]  # of the scales, of which a small net lacks the coarsest


def config_in(metadata: Mapping[str, str]) -> GeneratorConfig:
    """Return the configuration that a file's metadata state. Raises ValueError for one that no generator has."""
    config = config_from(GeneratorConfig, config_of(metadata))
    folds = [scale.fold for scale in config.scales]
    if not 2 <= len(folds) <= len(_FOLDS) or folds != _FOLDS[-len(folds) :]:
        raise ValueError(f"a generator has scales of folds {_FOLDS}, or the last of these, not {folds}")
    if any(scale.context_side % 2 == 0 for scale in config.scales):
        raise ValueError("the kernels of a generator have odd sides")
    return config


def graph_sizes(config: GeneratorConfig) -> GeneratorConfig:
    """Return the configuration of the graph that a net runs in, which is the same with a posterior and without."""
    return replace(config, encoder=GeneratorConfig().encoder)


def check_basis(config: GeneratorConfig, shape: Sequence[int] | None) -> None:
    """Raise ValueError unless a basis of this shape, None for no basis, belongs to a net of this configuration."""
    if shape is not None and tuple(shape) != (DIRECTIONS, config.offsets):
        raise ValueError(f"its basis is {tuple(shape)}, expected {(DIRECTIONS, config.offsets)}")
