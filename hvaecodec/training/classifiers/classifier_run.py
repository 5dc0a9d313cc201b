"""The one stage of a classifier, and its export: half-precision weights, frozen from then on, and their card."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import save

from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.models.feature_nets import FeatureNet, design_of, make
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import load_weights
from hvaecodec.training.classifiers.classifier_task import ClassifierTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Family
from hvaecodec.training.weights_file import order_metadata

FILE = "features.safetensors"
_PURPOSE = (
    "measures how far decoded pictures are from originals, in the features before its last layer; frozen: no codec "
    "sees it in a loss or a choice, and weights trained anew would give other, incomparable numbers"
)


@dataclass(frozen=True)
class ClassifierRun(Family):
    """Runs the recipes of the classifiers; a `run.Family`."""

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """Return the one file and its stage."""
        (stage,) = recipe.stages
        return {FILE: stage}

    def task(self, stage: Stage) -> ClassifierTask:
        """Make the classifier and read its data set. Raises FileNotFoundError without the pack."""
        images = getattr(small_images, stage.task.data)(self.run.settings.data)
        return ClassifierTask(stage.task, images, self.run.place(stage))

    def begin(self, stage: Stage, task: ClassifierTask) -> None:
        """Load the weights that --init names, also as a folder of exported ones; else keep those of the seed."""
        init = self.run.settings.init
        if init is not None:
            load_weights(task.net, init / FILE if (init / FILE).is_file() else init)

    def export(self) -> list[Path]:
        """Write the weights and their card."""
        (stage,) = self.run.recipe.stages
        net = make(stage.task.net)
        self.run.load_stage(stage.name, net)
        path = self.run.export(FILE, classifier_bytes(net))
        pack = stage.task.data.removesuffix("32")
        about = {"network": self.run.recipe.name, "purpose": _PURPOSE}
        training = card.training_of_one_stage(self.run, pack)
        return [path, card.write_plain_card(self.run, path, pack, about, training)]


def classifier_bytes(net: FeatureNet) -> bytes:
    """Return a net as a safetensors file, its numbers in half precision. Raises ValueError if one does not fit."""
    metadata = {"design": design_of(net.config), "config": json.dumps(asdict(net.config))}
    return order_metadata(save(half_precision(net), metadata))
