"""The one stage of a sampler of `hqa-photo`, and its export beside the generator that it goes on top of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from safetensors.numpy import save as save_arrays
from torch import nn

from hvaecodec.codec.hqa.codec import HqaPhotoCodec
from hvaecodec.codec.weights import SAMPLED
from hvaecodec.models.hqa.index_prior import bit_tables
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.index_trainable import IndexPriorNet, export_integers
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training.hqa.index_task import IndexTask
from hvaecodec.training.overlay_export import Overlay, check_init, export_overlay
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Family


@dataclass(frozen=True)
class HqaSamplerRun(Family):
    """Runs the recipes in `recipes.hqa_sampler`; a `run.Family`.

    --init: a folder of the codec's weights, else the package's.
    """

    check_settings = staticmethod(check_init)

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """Return the sampler's file and the one stage."""
        return {SAMPLED: recipe.stages[0]}

    @cached_property
    def codec(self) -> HqaPhotoCodec:
        """Hold the codec whose lower layers the sampler draws."""
        return HqaPhotoCodec.load(self.run.settings.init)

    @cached_property
    def base(self) -> bytes:
        """Hold the digest of the generator alone, whose layers these are."""
        generators = self.codec.generators
        return generators.base(generators.newest, "texture", "sampler")

    @property
    def stack(self) -> HqaStack:
        """Return the codec's layers."""
        return cast("HqaStack", self.codec.generators.get(self.base))

    def task(self, stage: Stage) -> IndexTask:
        """Make the sampler's priors, on the indices that the codec's layers give."""
        return IndexTask(stage.task, self.stack, self.run.photos, self.run.place(stage))

    def begin(self, stage: Stage, task: IndexTask) -> None:
        """Let codes that are alike begin alike."""
        task.fit()

    def export(self) -> list[Path]:
        """Write the sampler into a folder that already has the generator it was trained on, and its card."""
        (stage,) = self.run.recipe.stages
        nets = nn.ModuleList(IndexPriorNet(stage.task.net) for _ in range(len(self.stack) - 1))
        self.run.load_stage(stage.name, nets)
        priors = [net for net in nets if isinstance(net, IndexPriorNet)]
        for prior in priors:
            prior.sharpen(stage.task.temperature)
        data = sampler_bytes(priors, self.base)
        return export_overlay(self.run, Overlay(self.codec.name, "sampler", SAMPLED, self.base, data))


def sampler_bytes(priors: Sequence[IndexPriorNet], base: bytes) -> bytes:
    """Return the file of the integers of conditional priors, layer 1 first, for the generator with the digest `base`.

    Raises ValueError if a layer could exceed exact float32.
    """
    integers, config = [export_integers(prior) for prior in priors], priors[0].config
    arrays = {"bit_tables": bit_tables()}
    IndexSampler(integers, arrays["bit_tables"], config)  # checks every layer's bound
    for number, parts in enumerate(integers):
        arrays |= {f"layer{number + 1}.{name}": part for name, part in parts.items()}
    arrays = {name: np.ascontiguousarray(part) for name, part in sorted(arrays.items())}
    return save_arrays(arrays, {"config": json.dumps(asdict(config)), "base": base.hex(), "kind": "sampler"})
