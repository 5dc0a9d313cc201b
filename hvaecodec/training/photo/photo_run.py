"""The stages of `dct-vae-photo`: which nets they train, what they begin with, which files they export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, Checkpoint, load_weights
from hvaecodec.training.photo.export import GENERATOR, export_bitstream, export_curvature, export_generator, tables_for
from hvaecodec.training.photo.generator_task import GeneratorTask
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.photo.searched_symbols import RoundingSearch
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.photo import PriorTraining
from hvaecodec.training.run import Run, Settings

CODEC = "dct-vae-photo"


@dataclass(frozen=True)
class DctVaeRun:
    """`run.Family` of the default codec."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work."""
        kinds = {type(stage.task) for stage in recipe.stages}
        if settings.init is not None and len(kinds) > 1 and not settings.init.is_dir():
            raise ValueError(f"{recipe.name} trains two nets; --init must be a folder with the weights of both")

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """The files that a recipe makes and the stage each comes from: the last of its kind."""
        return {BITSTREAM if isinstance(stage.task, PriorTraining) else GENERATOR: stage for stage in recipe.stages}

    def task(self, stage: Stage) -> PriorTask | GeneratorTask:
        where = self.run.place(stage) | {"workers": stage.loop.workers}
        if isinstance(stage.task, PriorTraining):
            return PriorTask(stage.task, *self.run.photos, **where)
        search = RoundingSearch.of(self._prior()) if stage.task.symbols == "searched" else None
        return GeneratorTask(stage.task, *self.run.photos, search=search, **where)

    def begin(self, stage: Stage, task: PriorTask | GeneratorTask) -> None:
        """The weights of an earlier stage, those that were given, or new ones."""
        if stage.start not in ("", "init"):
            load_weights(task.net, self.run.folder(stage.start))
        elif self.run.settings.init is not None:
            load_weights(task.net, self.run.settings.init)
        elif isinstance(task, PriorTask):
            task.fit_linear()

    def _prior(self) -> PriorNet:
        """The prior of the last stage that trained one."""
        stage = self.exports(self.run.recipe)[BITSTREAM]
        return self._averaged(stage)

    def _averaged(self, stage: Stage) -> Any:
        net: Any = PriorNet(stage.task.net) if isinstance(stage.task, PriorTraining) else Generator(stage.task.net)
        load_weights(net, self.run.folder(stage.name) / NAME)
        return net

    def export(self) -> list[Path]:
        folder = self.run.export_folder
        data = card.data_and_terms(self.run.settings.data, self.run.recipe.sources)
        written, parts = [], {}
        for name, stage in self.exports(self.run.recipe).items():
            self.run.report(stage.name, 1, "exporting")
            net = self._averaged(stage)
            if isinstance(stage.task, PriorTraining):
                tables = tables_for(
                    net, stage.task, self.run.photos[0], self.run.recipe.count_crops, self.run.settings.seed
                )
                path = export_bitstream(net, tables, folder, self.run.settings.force)
            else:
                path = export_generator(net, folder, name, self.run.settings.force)
            written.append(path)
            parts[path.stem] = card.part(path, self._training(type(stage.task), data))
        written.append(card.write_card(folder, CODEC, parts))
        if (folder / BITSTREAM).is_file() and (folder / GENERATOR).is_file():
            self.run.report(stage.name, 1, "measuring the generator's curvature")
            count, seed = max(1, self.run.recipe.count_crops // 16), self.run.settings.seed
            written.append(export_curvature(folder, self.run.photos[0], count, stage.task.side, seed, force=True))
        return written

    def _training(self, kind: type, data: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """How a net was trained, for the card: its stages from their checkpoints."""
        return card.origin(self.run) | {
            "from_given_weights": self.run.settings.init is not None,
            "stages": [_told(stage, found) for stage, found in self.run.done(kind)],
            "data": list(data),
            "licence": card.licence(data, self.run.recipe.sources),
        }


def _told(stage: Stage, found: Checkpoint) -> dict[str, Any]:
    trained = {"symbols": stage.task.symbols, "net": asdict(stage.task.net)}
    return {"name": stage.name} | card.spent(found) | trained | found.about
