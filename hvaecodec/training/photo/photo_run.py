"""The stages of `dct-vae-photo`: which nets they train, what they begin with, which files they export."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hvaecodec.codec.photo.adaptation import DIRECTIONS
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.training import card
from hvaecodec.training.checkpoint import load_weights
from hvaecodec.training.data import PHOTO_TARS, Photos, load_photos
from hvaecodec.training.photo.adaptation_basis import measure_basis
from hvaecodec.training.photo.export import (
    GENERATOR,
    export_bitstream,
    export_curvature,
    export_generator,
    shape_tables_for,
    tables_for,
)
from hvaecodec.training.photo.generator_task import GeneratorTask
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.photo.searched_symbols import RoundingSearch
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.photo import PriorTraining
from hvaecodec.training.run import Family, Settings

CODEC = "dct-vae-photo"


@dataclass(frozen=True)
class DctVaeRun(Family):
    """Runs the recipes of the default codec; a `run.Family`."""

    @staticmethod
    def check_settings(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError if --init is a file and there are two nets to begin with weights."""
        kinds = {type(stage.task) for stage in recipe.stages}
        if settings.init is not None and len(kinds) > 1 and not settings.init.is_dir():
            raise ValueError(f"{recipe.name} trains two nets; --init must be a folder with the weights of both")

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """Return the files that a recipe makes, each with the stage it comes from: the last of its kind."""
        return {BITSTREAM if isinstance(stage.task, PriorTraining) else GENERATOR: stage for stage in recipe.stages}

    @cached_property
    def photos(self) -> Photos:
        """Hold photos to train and to validate on.

        A folder of pictures without packs is read whole: it names no sources, and the card says so.
        """
        data = self.run.settings.data
        return self.run.photos if any((data / name).is_file() for name in PHOTO_TARS) else load_photos(data)

    def task(self, stage: Stage) -> PriorTask | GeneratorTask:
        """Make a net's task; a generator on searched symbols needs the prior of the stage before."""
        photos, place = self.photos, self.run.place(stage)
        if isinstance(stage.task, PriorTraining):
            return PriorTask(stage.task, photos, place)
        search = RoundingSearch(self._last_prior()) if stage.task.symbols == "searched" else None
        return GeneratorTask(stage.task, photos, place, search=search)

    def begin(self, stage: Stage, task: PriorTask | GeneratorTask) -> None:
        """Load the weights of an earlier stage or those that --init names; else keep those of the seed."""
        if stage.start not in ("", "init"):
            load_weights(task.net, self.run.folder(stage.start))
        elif self.run.settings.init is not None:
            load_weights(task.net, self.run.settings.init)
        elif isinstance(task, PriorTask):
            task.fit_linear()

    def export(self) -> list[Path]:
        """Write the nets that the recipe trained, the card, and with both nets there the generator's curvature."""
        folder, paths, parts = self.run.export_folder, [], {}
        terms = card.photo_terms(self.run)
        for name, stage in self.exports(self.run.recipe).items():
            self.run.report(stage.name, 1, "exporting")
            path = self._export_prior(stage) if name == BITSTREAM else self._export_generator(stage)
            paths.append(path)
            parts[path.stem] = card.part(path, self._training(type(stage.task)) | terms)
        paths.append(card.write_card(folder, CODEC, parts))
        if (folder / BITSTREAM).is_file() and (folder / GENERATOR).is_file():
            self.run.report(stage.name, 1, "measuring the generator's curvature")
            count = max(1, self.run.recipe.count_crops // 16)
            side, seed = stage.task.side, self.run.settings.seed
            path = export_curvature(folder, self.photos.train, count=count, side=side, seed=seed, force=True)
            paths.append(path)
        return paths

    def _export_prior(self, stage: Stage) -> Path:
        net, recipe, settings = self._trained_prior(stage), self.run.recipe, self.run.settings
        train, seed = self.photos.train, settings.seed
        tables = tables_for(net, stage.task, train, count=recipe.count_crops, seed=seed)
        shapes = shape_tables_for(train, max(1, recipe.count_crops // 4), side=stage.task.side, seed=seed)
        return export_bitstream(net, tables, shapes, self.run.export_folder, settings.force)

    def _export_generator(self, stage: Stage) -> Path:
        net = Generator(stage.task.net)
        self.run.load_stage(stage.name, net)
        count, seed = max(DIRECTIONS, self.run.recipe.count_crops), self.run.settings.seed
        side = 2 * stage.task.side
        net.basis = measure_basis(net.requires_grad_(False), self.photos.train, count=count, side=side, seed=seed)
        return export_generator(net, self.run.export_folder, force=self.run.settings.force)

    def _last_prior(self) -> PriorNet:
        return self._trained_prior(self.exports(self.run.recipe)[BITSTREAM])

    def _trained_prior(self, stage: Stage) -> PriorNet:
        net = PriorNet(stage.task.net)
        self.run.load_stage(stage.name, net)
        return net

    def _training(self, kind: type) -> dict[str, Any]:
        """Return how a net was trained, for the card: its stages from their checkpoints."""
        stages = [
            card.stage_entry(stage, checkpoint, symbols=stage.task.symbols, net=asdict(stage.task.net))
            for stage, checkpoint in self.run.checkpoints(kind)
        ]
        return card.origin(self.run) | {"from_given_weights": self.run.settings.init is not None, "stages": stages}
