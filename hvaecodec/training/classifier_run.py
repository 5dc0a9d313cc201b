"""The one stage of a classifier, and its export: half-precision weights that are frozen from then on, and their card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save

from hvaecodec import __version__
from hvaecodec.codec.files import write_atomically
from hvaecodec.models.feature_nets import FeatureNet, design_of, make
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.classifier_task import ClassifierTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings

FILE = "features.safetensors"
_PURPOSE = (
    "measures how far decoded pictures are from originals, in the features before its last layer; frozen: no codec sees "
    "it in a loss or a choice, and weights trained anew would give other, incomparable numbers"
)


class ClassifierRun:
    """`run.Family` of the classifiers."""

    def __init__(self, run: Run) -> None:
        self.run = run

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
        where: dict[str, Any] = {"seed": self.run.settings.seed, "rank": self.run.ranks.rank}
        return ClassifierTask(stage.task, images, device=self.run.device, bf16=stage.loop.bf16, **where)

    def begin(self, stage: Stage, task: ClassifierTask) -> None:
        """New weights, or those that were given."""
        init = self.run.settings.init
        if init is not None:
            load_weights(task.net, init / FILE if (init / FILE).is_file() else init)

    def export(self) -> list[Path]:
        folder = self.run.settings.export
        assert folder is not None
        (stage,) = self.run.recipe.stages
        net = make(stage.task.net)
        load_weights(net, self.run.folder(stage.name) / NAME)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        write_atomically(path, weights(net), self.run.settings.force)
        return [path, self._write_card(folder, path, stage)]

    def _write_card(self, folder: Path, path: Path, stage: Stage) -> Path:
        found = load_checkpoint(self.run.folder(stage.name))
        assert found is not None
        source, terms = small_images.TERMS[stage.task.data.removesuffix("32")]
        told: dict[str, Any] = {
            "network": self.run.recipe.name,
            "purpose": _PURPOSE,
            "licence": f"as the terms of its data allow: {terms}",
            "version": __version__,
        }
        told |= card.part(path, {"recipe": self.run.recipe.name, "preset": self.run.recipe.preset})
        told |= {"seed": self.run.settings.seed, "commit": card.commit(), "training": asdict(stage.task)}
        told |= {"data": [{"source": source, "pack": f"{stage.task.data.removesuffix('32')}.npz", "terms": terms}]}
        told |= {"steps": found.position.step, "minutes": round(found.position.seconds / 60, 1)} | found.about
        target = folder / card.CARD
        write_atomically(target, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode(), force=True)
        return target


def weights(net: FeatureNet) -> bytes:
    """A net as safetensors, its numbers in half precision. Raises ValueError if one does not fit."""
    tensors = {}
    for name, value in net.state_dict().items():
        tensors[name] = value.detach().cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} is too large for half precision, or not a number")
    return save(tensors, {"design": design_of(net.config), "config": json.dumps(asdict(net.config))})
