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
from hvaecodec.training.run import Family, Settings

CODEC = "hqa-photo"


@dataclass(frozen=True)
class HqaPhotoRun(Family):
    """Runs the recipes of `hqa-photo`; a `run.Family`."""

    @staticmethod
    def check_settings(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for --init, which this recipe does not take."""
        if settings.init is not None:
            raise ValueError(f"{recipe.name} begins with nothing; --init has no place in it")

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """Return the files that a recipe makes, each with the last of the stages that it comes from."""
        layers = [stage for stage in recipe.stages if isinstance(stage.task, LayerTraining)]
        return {BITSTREAM: recipe.stages[-1], GENERATOR: layers[-1]}

    def task(self, stage: Stage) -> LayerTask | IndexTask:
        """Make the task of a layer on those below it, or that of the priors of all layers' indices."""
        photos, place = self.run.photos, self.run.place(stage)
        if isinstance(stage.task, LayerTraining):
            below = self._layers(stage.task.nets[: stage.task.number], before=stage)
            return LayerTask(stage.task, below, photos, place)
        return IndexTask(stage.task, self._stack(stage.task.nets), photos, place)

    def begin(self, stage: Stage, task: LayerTask | IndexTask) -> None:
        """Start a layer from what lies below it, and the second training of its codes from the layer itself."""
        if isinstance(task, LayerTask) and isinstance(stage.task, CodesTraining):
            self.run.load_stage(stage.start, task.net)
            task.refit(stage.task)
        else:
            task.fit()

    def export(self) -> list[Path]:
        """Write both files, from layers and priors, and their card."""
        folder, force = self.run.export_folder, self.run.settings.force
        stage = self.run.recipe.stages[-1]
        stack = self._stack(stage.task.nets)
        self.run.report(stage.name, 1, "exporting")
        priors = nn.ModuleList(IndexPriorNet(stage.task.net) for _ in stage.task.nets)
        self.run.load_stage(stage.name, priors)
        nets = [prior for prior in priors if isinstance(prior, IndexPriorNet)]
        bitstream = export_hqa_bitstream(stack, nets, folder, force)
        generator = export_hqa_generator(stack, folder, force)
        terms = card.photo_terms(self.run)
        parts = {
            "bitstream": card.part(bitstream, self._training(IndexTraining) | terms),
            "generator": card.part(generator, self._training(LayerTraining) | terms),
        }
        return [bitstream, generator, card.write_card(folder, CODEC, parts)]

    def _stack(self, nets: tuple[LayerConfig, ...]) -> HqaStack:
        """Return all layers as the codec will have them."""
        return finished_stack(self._layers(nets))

    def _layers(self, nets: tuple[LayerConfig, ...], before: Stage | None = None) -> list[HqaLayer]:
        """Load layers from the bottom up, each from the last stage that trained it, of those before `before`."""
        stages = self.run.recipe.stages
        stages = stages[: stages.index(before)] if before else stages
        last = {stage.task.number: stage.name for stage in stages if isinstance(stage.task, LayerTraining)}
        layers = []
        for number, config in enumerate(nets):
            layers.append(HqaLayer(config, bottom=number == 0))
            self.run.load_stage(last[number], layers[-1])
        return layers

    def _training(self, kind: type) -> dict[str, Any]:
        """Return how a file was trained, for the card: its stages from their checkpoints."""
        stages = [card.stage_entry(stage, checkpoint) for stage, checkpoint in self.run.checkpoints(kind)]
        return card.origin(self.run) | {"stages": stages}
