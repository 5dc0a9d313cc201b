"""Runs a recipe: its stages one after the other, each resumed or skipped as its checkpoint says, then the export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.generator import Generator
from hvaecodec.models.prior_net import PriorNet
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, Checkpoint, load_checkpoint, load_weights
from hvaecodec.training.data import load_photos
from hvaecodec.training.export import GENERATOR, export_bitstream, export_generator, tables_for
from hvaecodec.training.generator_task import GeneratorTask
from hvaecodec.training.loop import Loop, fraction
from hvaecodec.training.prior_task import PriorTask
from hvaecodec.training.ranks import Ranks, joined
from hvaecodec.training.recipes import PriorTraining, Recipe, Stage, as_dict
from hvaecodec.training.searched import RoundingSearch

CODEC = "dct-vae-photo"

# (stage, part of its budget that is spent, words)
StageReport = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Settings:
    """Where a recipe runs. init: a file or folder of weights to begin with. export: where the weights go in the end."""

    data: Path
    out: Path
    seed: int = 0
    init: Path | None = None
    export: Path | None = None
    force: bool = False  # replace weights in the export folder


def train(recipe: Recipe, settings: Settings, report: StageReport = lambda stage, spent, words: None) -> list[Path]:
    """Run a recipe to its end and return the files that were exported.

    Runs again what was interrupted from its last checkpoint; every process of a `torchrun` calls it alike.
    Raises ValueError for settings that cannot work, FileNotFoundError without pictures, CodecError for an export
    folder that may not be written.
    """
    _check(recipe, settings)
    with joined() as (ranks, device):
        run = _Run(recipe, settings, ranks, device, report)
        for stage in recipe.stages:
            run.train(stage)
        exported = run.export() if settings.export is not None and ranks.rank == 0 else []
        ranks.wait()
    return exported


def _check(recipe: Recipe, settings: Settings) -> None:
    if recipe.needs_init and settings.init is None:
        raise ValueError(f"{recipe.name} begins with trained weights; pass --init")
    kinds = {type(stage.task) for stage in recipe.stages}
    if settings.init is not None and len(kinds) > 1 and not settings.init.is_dir():
        raise ValueError(f"{recipe.name} trains two nets; --init must be a folder with the weights of both")
    if settings.export is not None and not settings.force:
        for name in _exports(recipe):
            if (settings.export / name).exists():
                raise CodecError(f"{settings.export / name} exists and is kept; --force replaces it")


def _exports(recipe: Recipe) -> dict[str, Stage]:
    """The files that a recipe makes and the stage each comes from: the last of its kind."""
    return {BITSTREAM if isinstance(stage.task, PriorTraining) else GENERATOR: stage for stage in recipe.stages}


class _Run:
    """What the stages of a recipe share."""

    def __init__(
        self, recipe: Recipe, settings: Settings, ranks: Ranks, device: torch.device, report: StageReport
    ) -> None:
        self.recipe, self.settings, self.ranks, self.device, self.report = recipe, settings, ranks, device, report

    @cached_property
    def photos(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Read when first needed: a finished run needs none."""
        return load_photos(self.settings.data, self.recipe.sources)

    def folder(self, stage: str) -> Path:
        return self.settings.out / stage

    def train(self, stage: Stage) -> None:
        found = load_checkpoint(self.folder(stage.name))
        run = self._identity(stage)
        if found is not None and found.run == run and fraction(stage.loop, found.position) >= 1:
            return
        self.report(stage.name, 0, "reading pictures")
        task = self._task(stage)
        if found is None:
            self._begin(stage, task)
        about = {"hardware": _hardware(self.device, self.ranks.world)}
        loop = Loop(
            task, stage.loop, self.folder(stage.name), self.settings.seed, self.ranks, run, about,
            lambda spent, words: self.report(stage.name, spent, words),
        )  # fmt: skip
        loop.train()

    def _identity(self, stage: Stage) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued; the budget may change."""
        (told,) = as_dict(replace(self.recipe, stages=(stage,)))["stages"]
        for name in ("minutes", "steps", "save_minutes", "log_every", "workers"):
            del told["loop"][name]
        del told["share"]
        return {"recipe": self.recipe.name, "preset": self.recipe.preset, "seed": self.settings.seed, "stage": told}

    def _task(self, stage: Stage) -> PriorTask | GeneratorTask:
        where: dict[str, Any] = {
            "seed": self.settings.seed,
            "rank": self.ranks.rank,
            "device": self.device,
            "bf16": stage.loop.bf16,
            "workers": stage.loop.workers,
        }
        if isinstance(stage.task, PriorTraining):
            return PriorTask(stage.task, *self.photos, **where)
        search = RoundingSearch.of(self._prior()) if stage.task.symbols == "searched" else None
        return GeneratorTask(stage.task, *self.photos, search=search, **where)

    def _begin(self, stage: Stage, task: PriorTask | GeneratorTask) -> None:
        """The weights of an earlier stage, those that were given, or new ones."""
        if stage.start not in ("", "init"):
            load_weights(task.net, self.folder(stage.start))
        elif self.settings.init is not None:
            load_weights(task.net, self.settings.init)
        elif isinstance(task, PriorTask):
            task.fit_linear()

    def _prior(self) -> PriorNet:
        """The prior of the last stage that trained one."""
        stage = _exports(self.recipe)[BITSTREAM]
        return self._averaged(stage)

    def _averaged(self, stage: Stage) -> Any:
        net: Any = PriorNet(stage.task.net) if isinstance(stage.task, PriorTraining) else Generator(stage.task.net)
        load_weights(net, self.folder(stage.name) / NAME)
        return net

    def export(self) -> list[Path]:
        folder = self.settings.export
        assert folder is not None
        data = card.data_and_terms(self.settings.data, self.recipe.sources)
        written, parts = [], {}
        for name, stage in _exports(self.recipe).items():
            self.report(stage.name, 1, "exporting")
            net = self._averaged(stage)
            if isinstance(stage.task, PriorTraining):
                tables = tables_for(net, stage.task, self.photos[0], self.recipe.count_crops, self.settings.seed)
                path = export_bitstream(net, tables, folder, self.settings.force)
            else:
                path = export_generator(net, folder, name, self.settings.force)
            written.append(path)
            parts[path.stem] = card.part(path, self._training(type(stage.task), data))
        return [*written, card.write_card(folder, CODEC, parts)]

    def _training(self, kind: type, data: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """How a net was trained, for the card: its stages from their checkpoints."""
        stages = []
        for stage in self.recipe.stages:
            found = load_checkpoint(self.folder(stage.name))
            if isinstance(stage.task, kind) and found is not None:
                stages.append(_told(stage, found))
        return {
            "recipe": self.recipe.name,
            "preset": self.recipe.preset,
            "seed": self.settings.seed,
            "commit": card.commit(),
            "from_given_weights": self.settings.init is not None,
            "stages": stages,
            "data": list(data),
            "licence": card.licence(data, self.recipe.sources),
        }


def _told(stage: Stage, found: Checkpoint) -> dict[str, Any]:
    position = found.position
    return {
        "name": stage.name,
        "steps": position.step,
        "minutes": round(position.seconds / 60, 1),
        "symbols": stage.task.symbols,
        "net": asdict(stage.task.net),
    } | found.about


def _hardware(device: torch.device, world: int) -> str:
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        return f"{world} CUDA GPU{'s' * (world > 1)}, {memory:.0f} GiB each"
    return f"{world * torch.get_num_threads()} CPU threads"
