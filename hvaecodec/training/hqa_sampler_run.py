"""The one stage of a sampler of `hqa-photo`, and its export beside the generator that it goes on top of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors.numpy import save as save_arrays
from torch import nn

from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.hqa_photo import HqaPhotoCodec
from hvaecodec.codec.weights import SAMPLED, generators_in
from hvaecodec.models.hqa import HqaStack
from hvaecodec.models.index_net import IndexPriorNet, export_integers
from hvaecodec.models.index_prior import bit_tables
from hvaecodec.models.index_sampler import IndexSampler
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.export import in_order
from hvaecodec.training.index_task import IndexTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings


@dataclass(frozen=True)
class HqaSamplerRun:
    """`run.Family` of the recipes in `recipes.hqa_sampler`. --init: a folder of the codec's weights, else the package's."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work."""
        if settings.init is not None and not settings.init.is_dir():
            raise ValueError(f"{recipe.name} goes on top of a whole codec; --init must be a folder of its weights")

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
        return generators.base(generators.base(generators.newest, "texture"), "sampler")

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
        ((stage, found),) = self.run.done()
        folder = self.run.export_folder
        nets = nn.ModuleList(IndexPriorNet(stage.task.net) for _ in range(len(self.stack) - 1))
        load_weights(nets, self.run.folder(stage.name) / NAME)
        priors = [net for net in nets if isinstance(net, IndexPriorNet)]
        for prior in priors:
            prior.sharpen(stage.task.temperature)
        path = export_sampler(priors, self.base, folder, self.run.settings.force)
        data = card.data_and_terms(self.run.settings.data, self.run.recipe.sources)
        told: dict[str, Any] = {"base": self.base.hex()}
        told |= card.origin(self.run) | {
            "training": asdict(stage.task),
            **card.spent(found),
            **found.about,
            "data": list(data),
            "licence": card.licence(data, self.run.recipe.sources),
        }
        return [path, card.write_card(folder, self.codec.name, {"sampler": card.part(path, told)})]


def export_sampler(priors: Sequence[IndexPriorNet], base: bytes, folder: Path, force: bool = False) -> Path:
    """Write the integers of conditional priors, layer 1 first, for the generator with the digest `base`.

    Raises CodecError if the file exists and not `force`, ValueError if the folder lacks that generator or a layer could
    exceed exact float32.
    """
    if base not in generators_in(folder):
        raise ValueError(f"{folder} lacks generator {base.hex()}, which the sampler was trained on")
    integers = [export_integers(prior) for prior in priors]
    config = priors[0].config
    IndexSampler(integers, bit_tables(), config)  # checks every layer's bound
    arrays = {"bit_tables": bit_tables()}
    for number, parts in enumerate(integers):
        arrays |= {f"layer{number + 1}.{name}": part for name, part in parts.items()}
    arrays = {name: np.ascontiguousarray(part) for name, part in sorted(arrays.items())}
    metadata = {"config": json.dumps(asdict(config)), "base": base.hex(), "kind": "sampler"}
    return write_into_folder(folder / SAMPLED, in_order(save_arrays(arrays, metadata)), force)
