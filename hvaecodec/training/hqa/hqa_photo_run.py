"""The stages of `hqa-photo`: layers from the bottom up, then the priors of their indices; what they export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.hqa.index_trainable import IndexPriorNet
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.hqa.hqa_photo_export import (
    GENERATOR,
    export_hqa_bitstream,
    export_hqa_generator,
    finished_stack,
)
from hvaecodec.training.hqa.hqa_photo_task import LayerTask
from hvaecodec.training.hqa.index_task import IndexTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.hqa_photo import CodesTraining, IndexTraining, LayerTraining
from hvaecodec.training.run import Run, Settings

CODEC = "hqa-photo"


@dataclass(frozen=True)
class HqaPhotoRun:
    """`run.Family` of `hqa-photo`."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work."""
        if settings.init is not None:
            raise ValueError(f"{recipe.name} begins with nothing; --init has no place in it")

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """The files that a recipe makes and a stage that each comes from."""
        layers = [stage for stage in recipe.stages if isinstance(stage.task, LayerTraining)]
        return {BITSTREAM: recipe.stages[-1], GENERATOR: layers[-1]}

    def task(self, stage: Stage) -> LayerTask | IndexTask:
        photos, place = self.run.photos, self.run.place(stage)
        if isinstance(stage.task, LayerTraining):
            below = self._layers(stage.task.nets[: stage.task.number], before=stage)
            return LayerTask(stage.task, below, *photos, workers=stage.loop.workers, **place)
        return IndexTask(stage.task, self._stack(stage.task.nets), *photos, **place)

    def begin(self, stage: Stage, task: LayerTask | IndexTask) -> None:
        """A layer starts from what lies below it, its codes' second training from the layer itself."""
        if isinstance(task, LayerTask) and isinstance(stage.task, CodesTraining):
            load_weights(task.net, self.run.folder(stage.start) / NAME)
            task.refit(stage.task)
        else:
            task.fit()

    def export(self) -> list[Path]:
        folder = self.run.export_folder
        stage = self.run.recipe.stages[-1]
        stack = self._stack(stage.task.nets)
        self.run.report(stage.name, 1, "exporting")
        priors = nn.ModuleList(IndexPriorNet(stage.task.net) for _ in stage.task.nets)
        load_weights(priors, self.run.folder(stage.name) / NAME)
        nets = [prior for prior in priors if isinstance(prior, IndexPriorNet)]
        written = [
            export_hqa_bitstream(stack, nets, folder, self.run.settings.force),
            export_hqa_generator(stack, folder, self.run.settings.force),
        ]
        data = card.data_and_terms(self.run.settings.data, self.run.recipe.sources)
        kinds = {"bitstream": IndexTraining, "generator": LayerTraining}
        parts = {path.stem: card.part(path, self._training(kinds[path.stem]) | self._terms(data)) for path in written}
        return [*written, card.write_card(folder, CODEC, parts)]

    def _stack(self, nets: tuple[LayerConfig, ...]) -> HqaStack:
        """All layers as the codec will have them."""
        return finished_stack(self._layers(nets))

    def _layers(self, nets: tuple[LayerConfig, ...], before: Stage | None = None) -> list[HqaLayer]:
        """Trained layers from the bottom up, averaged weights, of the last stage (before one) that trained each."""
        stages = self.run.recipe.stages
        done = stages[: stages.index(before)] if before else stages
        last = {stage.task.number: stage.name for stage in done if isinstance(stage.task, LayerTraining)}
        layers = []
        for number, config in enumerate(nets):
            layers.append(HqaLayer(config, bottom=number == 0))
            load_weights(layers[-1], self.run.folder(last[number]) / NAME)
        return layers

    def _training(self, kind: type) -> dict[str, Any]:
        """How a file was trained, for the card: its stages from their checkpoints."""
        stages = [{"name": stage.name} | card.spent(found) | found.about for stage, found in self.run.done(kind)]
        return card.origin(self.run) | {"stages": stages}

    def _terms(self, data: list[dict[str, Any]]) -> dict[str, Any]:
        return {"data": data, "licence": card.licence(data, self.run.recipe.sources)}
