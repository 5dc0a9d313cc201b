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
from hvaecodec.training import overlay_export
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.hqa.index_task import IndexTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run


@dataclass(frozen=True)
class HqaSamplerRun:
    """`run.Family` of the recipes in `recipes.hqa_sampler`. --init: a folder of the codec's weights, else the package's."""

    run: Run

    check = staticmethod(overlay_export.check)

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """The sampler's file."""
        return {SAMPLED: recipe.stages[0]}

    @cached_property
    def codec(self) -> HqaPhotoCodec:
        return HqaPhotoCodec.load(self.run.settings.init)

    @cached_property
    def base(self) -> bytes:
        """The digest of the generator alone, whose layers these are."""
        generators = self.codec.generators
        return generators.base(generators.newest, "texture", "sampler")

    @property
    def stack(self) -> HqaStack:
        return cast("HqaStack", self.codec.generators.get(self.base))

    def task(self, stage: Stage) -> IndexTask:
        return IndexTask(stage.task, self.stack, *self.run.photos, **self.run.place(stage))

    def begin(self, stage: Stage, task: IndexTask) -> None:
        """Codes that are alike begin alike."""
        task.fit()

    def export(self) -> list[Path]:
        """The sampler, in a folder that already has the generator it was trained on."""
        (stage,) = self.run.recipe.stages
        nets = nn.ModuleList(IndexPriorNet(stage.task.net) for _ in range(len(self.stack) - 1))
        load_weights(nets, self.run.folder(stage.name) / NAME)
        priors = [net for net in nets if isinstance(net, IndexPriorNet)]
        for prior in priors:
            prior.sharpen(stage.task.temperature)
        data = sampler_bytes(priors, self.base)
        return overlay_export.write(self.run, self.codec.name, SAMPLED, "sampler", data, self.base)


def sampler_bytes(priors: Sequence[IndexPriorNet], base: bytes) -> bytes:
    """The file of the integers of conditional priors, layer 1 first, for the generator with the digest `base`.

    Raises ValueError if a layer could exceed exact float32.
    """
    integers, config = [export_integers(prior) for prior in priors], priors[0].config
    arrays = {"bit_tables": bit_tables()}
    IndexSampler(integers, arrays["bit_tables"], config)  # checks every layer's bound
    for number, parts in enumerate(integers):
        arrays |= {f"layer{number + 1}.{name}": part for name, part in parts.items()}
    arrays = {name: np.ascontiguousarray(part) for name, part in sorted(arrays.items())}
    return save_arrays(arrays, {"config": json.dumps(asdict(config)), "base": base.hex(), "kind": "sampler"})
