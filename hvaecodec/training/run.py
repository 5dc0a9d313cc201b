"""Runs a recipe: its stages one after the other, each resumed or skipped as its checkpoint says, then the export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import write_into_folder
from hvaecodec.training.checkpoint import Checkpoint, load_checkpoint
from hvaecodec.training.data import load_photos
from hvaecodec.training.loop import Loop, Task, fraction
from hvaecodec.training.ranks import Ranks, joined
from hvaecodec.training.recipes.common import Recipe, Stage, as_dict

# Recipe.family -> (module, class of the protocol Family); imported when a recipe of it runs
FAMILIES: dict[str, tuple[str, str]] = {
    "classifier": ("hvaecodec.training.classifiers.classifier_run", "ClassifierRun"),
    "dct-vae": ("hvaecodec.training.photo.photo_run", "DctVaeRun"),
    "hqa": ("hvaecodec.training.hqa.hqa_run", "HqaRun"),
    "hqa-sampler": ("hvaecodec.training.hqa.hqa_sampler_run", "HqaSamplerRun"),
    "hqa-photo": ("hvaecodec.training.hqa.hqa_photo_run", "HqaPhotoRun"),
    "vdvae": ("hvaecodec.training.vae.vdvae_run", "VdvaeRun"),
    "srvae": ("hvaecodec.training.vae.srvae_run", "SrVaeRun"),
    "texture": ("hvaecodec.training.texture.texture_run", "TextureRun"),
}

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
        run = Run(recipe, settings, ranks, device, report)
        family = family_of(recipe)(run)
        for stage in recipe.stages:
            run.train(stage, family)
        exported = family.export() if settings.export is not None and ranks.rank == 0 else []
        ranks.wait()
    return exported


class Family(Protocol):
    """What a kind of model adds to a run."""

    def __init__(self, run: Run) -> None: ...

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work."""
        ...

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """The files that a recipe exports and the stage each comes from."""
        ...

    def task(self, stage: Stage) -> Task:
        """The net of a stage and what it is trained on."""
        ...

    def begin(self, stage: Stage, task: Any) -> None:
        """Give the net of a stage that starts its first weights."""
        ...

    def export(self) -> list[Path]:
        """Write the weights and their card into `run.settings.export` and return the files."""
        ...


def family_of(recipe: Recipe) -> type[Family]:
    """The class that runs a recipe."""
    module, name = FAMILIES[recipe.family]
    return cast("type[Family]", getattr(import_module(module), name))


def _check(recipe: Recipe, settings: Settings) -> None:
    if recipe.needs_init and settings.init is None:
        raise ValueError(f"{recipe.name} begins with trained weights; pass --init")
    family = family_of(recipe)
    family.check(recipe, settings)
    if settings.export is not None and not settings.force:
        for name in family.exports(recipe):
            if (settings.export / name).exists():
                raise CodecError(f"{settings.export / name} exists and is kept; --force replaces it")


class Run:
    """A recipe that runs: what its stages share, and how one of them is trained."""

    def __init__(
        self, recipe: Recipe, settings: Settings, ranks: Ranks, device: torch.device, report: StageReport
    ) -> None:
        self.recipe, self.settings, self.ranks, self.device, self.report = recipe, settings, ranks, device, report

    def folder(self, stage: str) -> Path:
        """Of a stage's checkpoint and log."""
        return self.settings.out / stage

    def done(self, kind: type = object) -> list[tuple[Stage, Checkpoint]]:
        """The stages that have a checkpoint, in order; those only whose task is of a kind."""
        stages = [stage for stage in self.recipe.stages if isinstance(stage.task, kind)]
        found = ((stage, load_checkpoint(self.folder(stage.name))) for stage in stages)
        return [(stage, checkpoint) for stage, checkpoint in found if checkpoint is not None]

    @cached_property
    def photos(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Photos to train and to validate on, read when first needed: a finished run needs none."""
        return load_photos(self.settings.data, self.recipe.sources)

    def place(self, stage: Stage) -> dict[str, Any]:
        """What every task is told of where it trains."""
        seed, rank = self.settings.seed, self.ranks.rank
        return {"seed": seed, "rank": rank, "device": self.device, "bf16": stage.loop.bf16}

    @property
    def export_folder(self) -> Path:
        """The folder that weights go to, once there is something to export."""
        assert self.settings.export is not None
        return self.settings.export

    def export(self, name: str, content: bytes) -> Path:
        """Write a file of weights into the export folder. Raises CodecError if it is there and may not be replaced."""
        return write_into_folder(self.export_folder / name, content, self.settings.force)

    def train(self, stage: Stage, family: Family) -> None:
        """Train a stage from its checkpoint, or begin it; nothing to do if it is finished."""
        found = load_checkpoint(self.folder(stage.name))
        run = self._identity(stage)
        if found is not None and found.run == run and fraction(stage.loop, found.position) >= 1:
            return
        self.report(stage.name, 0, "reading pictures")
        task = family.task(stage)
        if found is None:
            family.begin(stage, task)
        about = {"hardware": _hardware(self.device, self.ranks.world)}
        loop = Loop(
            task, stage.loop, self.folder(stage.name), self.settings.seed, self.ranks, run, about,
            lambda spent, words: self.report(stage.name, spent, words),
        )  # fmt: skip
        loop.train()

    def _identity(self, stage: Stage) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued; the budget may change."""
        (told,) = as_dict(replace(self.recipe, stages=(stage,)))["stages"]
        for name in ("minutes", "steps", "save_minutes", "log_every", "workers", "compiled"):
            del told["loop"][name]
        del told["share"]
        return {"recipe": self.recipe.name, "preset": self.recipe.preset, "seed": self.settings.seed, "stage": told}


def _hardware(device: torch.device, world: int) -> str:
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        return f"{world} CUDA GPU{'s' * (world > 1)}, {memory:.0f} GiB each"
    return f"{world * torch.get_num_threads()} CPU threads"
