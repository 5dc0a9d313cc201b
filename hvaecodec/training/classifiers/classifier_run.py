"""The one stage of a classifier, and its export: half-precision weights that are frozen from then on, and their card."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import save

from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.models.feature_nets import FeatureNet, design_of, make
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.classifiers.classifier_task import ClassifierTask
from hvaecodec.training.photo.export import in_order
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings

FILE = "features.safetensors"
_PURPOSE = (
    "measures how far decoded pictures are from originals, in the features before its last layer; frozen: no codec sees "
    "it in a loss or a choice, and weights trained anew would give other, incomparable numbers"
)


@dataclass(frozen=True)
class ClassifierRun:
    """`run.Family` of the classifiers."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work: all do."""

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """The one file and its stage."""
        (stage,) = recipe.stages
        return {FILE: stage}

    def task(self, stage: Stage) -> ClassifierTask:
        images = getattr(small_images, stage.task.data)(self.run.settings.data)
        return ClassifierTask(stage.task, images, **self.run.place(stage))

    def begin(self, stage: Stage, task: ClassifierTask) -> None:
        """New weights, or those that were given."""
        init = self.run.settings.init
        if init is not None:
            load_weights(task.net, init / FILE if (init / FILE).is_file() else init)

    def export(self) -> list[Path]:
        (stage,) = self.run.recipe.stages
        net = make(stage.task.net)
        load_weights(net, self.run.folder(stage.name) / NAME)
        path = self.run.export(FILE, weights(net))
        pack = stage.task.data.removesuffix("32")
        about = {"network": self.run.recipe.name, "purpose": _PURPOSE}
        return [path, card.write_plain_card(self.run, path, pack, about, card.one_stage(self.run, pack))]


def weights(net: FeatureNet) -> bytes:
    """A net as safetensors, its numbers in half precision. Raises ValueError if one does not fit."""
    told = {"design": design_of(net.config), "config": json.dumps(asdict(net.config))}
    return in_order(save(half_precision(net), told))
