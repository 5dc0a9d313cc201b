"""The one stage of an srVAE or of its single-level twin, and its export, for the srVAE with the codec's tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_arrays

from hvaecodec.codec.tiles.lossless_rgb import fit_tables
from hvaecodec.codec.tiles.srvae_weights import FILE, TABLES, model_bytes
from hvaecodec.models.srvae.config import SrVaeConfig
from hvaecodec.models.srvae.srvae import SingleVae, SrVae, downscaled, make
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings
from hvaecodec.training.vae.srvae_task import SrVaeTask

HELD_OUT = 500  # of the training pictures, to validate on
_PAPER = "Gatopoulos et al., Super-resolution Variational Auto-Encoders, arXiv:2006.05218"


@dataclass(frozen=True)
class SrVaeRun:
    """`run.Family` of the recipes in `recipes.srvae`."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work: all do."""

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """The model's file and, for the codec, that of the tables of y; both of the one stage."""
        (stage,) = recipe.stages
        return {FILE: stage} | ({TABLES: stage} if isinstance(stage.task.net, SrVaeConfig) else {})

    def task(self, stage: Stage) -> SrVaeTask:
        rows = small_images.cifar10(self.run.settings.data).train
        held = min(HELD_OUT, len(rows) // 2)
        settings, loop = self.run.settings, stage.loop
        return SrVaeTask(
            stage.task, rows[:-held], rows[-held:], settings.seed, self.run.device, loop.bf16, loop.compiled
        )

    def begin(self, stage: Stage, task: SrVaeTask) -> None:
        """New weights started from data, or those that were given."""
        init = self.run.settings.init
        if init is None:
            task.start()
        else:
            load_weights(task.net, init)

    def export(self) -> list[Path]:
        (stage,) = self.run.recipe.stages
        model = trained(self.run.settings.out, stage)
        path = self.run.export(FILE, model_bytes(model))
        written = [path]
        if isinstance(model, SrVae):
            written.append(self.run.export(TABLES, self._tables(model)))
        about = {
            "codec": self.run.recipe.name,
            "paper": _PAPER,
            "parameters": sum(p.numel() for p in model.parameters()),
        }
        training = card.one_stage(self.run, "cifar10")
        return [*written, card.write_plain_card(self.run, path, "cifar10", about, training)]

    def _tables(self, model: SrVae) -> bytes:
        """Fitted on y of all training pictures."""
        side = model.config.side
        rows = small_images.cifar10(self.run.settings.data).train[:, :side, :side]
        y = downscaled(torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 3, 1, 2)))).permute(0, 2, 3, 1)
        return save_arrays({"tables": fit_tables(y.numpy())})


def trained(out: Path, stage: Stage) -> SingleVae | SrVae:
    """The averaged weights of a run in the folder `out`, frozen."""
    model = make(stage.task.net)
    load_weights(model, out / stage.name / NAME)
    return model.eval().requires_grad_(False)
