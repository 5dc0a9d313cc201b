"""Runs a recipe: its stages one after the other, each resumed or skipped as its checkpoint says, then the export."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import write_into_folder
from hvaecodec.training.checkpoint import NAME, Checkpoint, load_checkpoint, load_weights
from hvaecodec.training.data import Photos, load_photos
from hvaecodec.training.loop import Loop, Task, spent_fraction
from hvaecodec.training.place import Place
from hvaecodec.training.ranks import Ranks, join_ranks
from hvaecodec.training.recipes.common import Recipe, Stage, as_dict, says_nothing

# Recipe.family -> (module, subclass of Family); imported when a recipe of it runs
FAMILIES: dict[str, tuple[str, str]] = {
    "classifier": ("hvaecodec.training.classifiers.classifier_run", "ClassifierRun"),
    "dct-vae": ("hvaecodec.training.photo.photo_run", "DctVaeRun"),
    "hqa": ("hvaecodec.training.hqa.hqa_run", "HqaRun"),
    "hqa-perceptual": ("hvaecodec.training.hqa.hqa_perceptual_run", "HqaPerceptualRun"),
    "hqa-sampler": ("hvaecodec.training.hqa.hqa_sampler_run", "HqaSamplerRun"),
    "hqa-photo": ("hvaecodec.training.hqa.hqa_photo_run", "HqaPhotoRun"),
    "perceptual": ("hvaecodec.training.perceptual.perceptual_run", "PerceptualRun"),
    "vdvae": ("hvaecodec.training.vae.vdvae_run", "VdvaeRun"),
    "srvae": ("hvaecodec.training.vae.srvae_run", "SrVaeRun"),
    "texture": ("hvaecodec.training.texture.texture_run", "TextureRun"),
}

# (stage, part of its budget that is spent, words)
StageReport = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Settings:
    """Says where a recipe runs.

    data: pictures. out: checkpoints and logs. init: a file or folder of weights to begin with. export: a folder for the
    weights in the end.
    """

    data: Path
    out: Path
    seed: int = 0
    init: Path | None = None
    export: Path | None = None
    force: bool = False  # replace weights in the export folder


def train_recipe(
    recipe: Recipe, settings: Settings, report: StageReport = lambda stage, spent, words: None
) -> list[Path]:
    """Run a recipe to its end and return the files that were exported.

    Runs again what was interrupted from its last checkpoint; every process of a `torchrun` calls it alike.
    Raises ValueError for settings that cannot work, FileNotFoundError without pictures, CodecError for an export
    folder that may not be written.
    """
    _check_settings(recipe, settings)
    with join_ranks() as (ranks, device):
        run = Run(recipe, settings, ranks, device, report)
        family = family_of(recipe)(run)
        for stage in recipe.stages:
            run.train_stage(stage, family)
        paths = family.export() if settings.export is not None and ranks.rank == 0 else []
        ranks.wait()
    return paths


def family_of(recipe: Recipe) -> type[Family]:
    """Return the class that runs a recipe."""
    module, name = FAMILIES[recipe.family]
    return cast("type[Family]", getattr(import_module(module), name))


def _check_settings(recipe: Recipe, settings: Settings) -> None:
    if recipe.needs_init and settings.init is None:
        raise ValueError(f"{recipe.name} begins with trained weights; pass --init")
    family = family_of(recipe)
    family.check_settings(recipe, settings)
    if settings.export is not None and not settings.force:
        for name in family.exports(recipe):
            if (settings.export / name).exists():
                raise CodecError(f"{settings.export / name} exists and is kept; --force replaces it")


@dataclass
class Run:
    """Holds what the stages of a recipe share while it runs, and trains them."""

    recipe: Recipe
    settings: Settings
    ranks: Ranks
    device: torch.device
    report: StageReport

    def make_loop(self, *arguments: Any, **settings: Any) -> Loop:
        """Return the loop that trains a stage; the arguments are those of `Loop`."""
        return Loop(*arguments, **settings)

    def folder(self, stage: str) -> Path:
        """Return the folder of a stage's checkpoint and log."""
        return self.settings.out / stage

    def checkpoints(self, kind: type = object) -> list[tuple[Stage, Checkpoint]]:
        """Return the stages that have a checkpoint, in order. kind: only those whose task is of this kind."""
        stages = [stage for stage in self.recipe.stages if isinstance(stage.task, kind)]
        pairs = ((stage, load_checkpoint(self.folder(stage.name))) for stage in stages)
        return [(stage, checkpoint) for stage, checkpoint in pairs if checkpoint is not None]

    def load_stage(self, stage: str, net: nn.Module) -> None:
        """Put the averaged weights of a stage into a net. Raises ValueError if it has none or they do not fit."""
        load_weights(net, self.folder(stage) / NAME)

    @cached_property
    def photos(self) -> Photos:
        """Hold photos to train and to validate on, read when first needed: a finished run needs none."""
        return load_photos(self.settings.data, self.recipe.sources)

    def place(self, stage: Stage) -> Place:
        """Return where and as whom the task of a stage trains."""
        loop = stage.loop
        return Place(self.settings.seed, self.ranks.rank, self.device, loop.bf16, loop.workers, loop.compiled)

    @property
    def export_folder(self) -> Path:
        """Return the folder that weights go to, once there is something to export."""
        assert self.settings.export is not None
        return self.settings.export

    def export(self, name: str, content: bytes) -> Path:
        """Write a file of weights into the export folder. Raises CodecError if it is there and may not be replaced."""
        return write_into_folder(self.export_folder / name, content, self.settings.force)

    def train_stage(self, stage: Stage, family: Family) -> None:
        """Train a stage from its checkpoint, or begin it; nothing to do if it is finished."""
        checkpoint = load_checkpoint(self.folder(stage.name))
        run = self._identity(stage)
        if checkpoint is not None and checkpoint.run == run and spent_fraction(stage.loop, checkpoint.position) >= 1:
            return
        self.report(stage.name, 0, "reading pictures")
        task = family.task(stage)
        if checkpoint is None:
            family.begin(stage, task)
        self.make_loop(
            task,
            stage.loop,
            self.folder(stage.name),
            seed=self.settings.seed,
            ranks=self.ranks,
            run=run,
            about={"hardware": _hardware(self.device, self.ranks.world)},
            report=lambda spent, words: self.report(stage.name, spent, words),
        ).train()

    def _identity(self, stage: Stage) -> dict[str, Any]:
        """Return what must be equal for a checkpoint to be continued; the budget may change."""
        (settings,) = as_dict(replace(self.recipe, stages=(stage,)))["stages"]
        for name in ("minutes", "steps", "save_minutes", "log_every", "workers", "compiled"):
            del settings["loop"][name]
        settings["loop"] = {name: value for name, value in settings["loop"].items() if not says_nothing(name, value)}
        del settings["share"]
        return {"recipe": self.recipe.name, "preset": self.recipe.preset, "seed": self.settings.seed, "stage": settings}


@dataclass(frozen=True)
class Family(ABC):
    """Adds to a run what one kind of model needs; `FAMILIES` names the subclasses."""

    run: Run

    @staticmethod  # noqa: B027 (it is a default, not a gap)
    def check_settings(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work; unless a family knows better, all do."""

    @staticmethod
    @abstractmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """Return the names of the files that a recipe exports, each with the stage it comes from."""

    @abstractmethod
    def task(self, stage: Stage) -> Task:
        """Make the task of a stage: its net, and what it is trained on."""

    def begin(self, stage: Stage, task: Any) -> None:
        """Give the net of a stage that starts its first weights: those of --init, else it keeps those of the seed."""
        if self.run.settings.init is not None:
            load_weights(task.net, self.run.settings.init)

    @abstractmethod
    def export(self) -> list[Path]:
        """Write the weights and their card into `run.export_folder` and return the files."""


def _hardware(device: torch.device, world: int) -> str:
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        return f"{world} CUDA GPU{'s' * (world > 1)}, {memory:.0f} GiB each"
    return f"{world * torch.get_num_threads()} CPU threads"
