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
from hvaecodec.training.run import Family
from hvaecodec.training.vae.srvae_task import SrVaeTask

HELD_OUT = 500  # of the training pictures, to validate on
_PAPER = "Gatopoulos et al., Super-resolution Variational Auto-Encoders, arXiv:2006.05218"


@dataclass(frozen=True)
class SrVaeRun(Family):
    """Runs the recipes in `recipes.srvae`; a `run.Family`."""

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """Return the model's file and, for the codec, that of the tables of y; both come from the one stage."""
        (stage,) = recipe.stages
        return {FILE: stage} | ({TABLES: stage} if isinstance(stage.task.net, SrVaeConfig) else {})

    def task(self, stage: Stage) -> SrVaeTask:
        """Make the model and read CIFAR-10, of which the last training pictures validate."""
        rows = small_images.cifar10(self.run.settings.data).train
        held_out = min(HELD_OUT, len(rows) // 2)
        return SrVaeTask(stage.task, rows[:-held_out], rows[-held_out:], self.run.place(stage))

    def begin(self, stage: Stage, task: SrVaeTask) -> None:
        """Load the weights that --init names, or start those of the seed from data."""
        if self.run.settings.init is None:
            task.start()
        else:
            load_weights(task.net, self.run.settings.init)

    def export(self) -> list[Path]:
        """Write the model, its tables if it makes a codec, and the card."""
        (stage,) = self.run.recipe.stages
        model = load_trained_model(self.run.settings.out, stage)
        path = self.run.export(FILE, model_bytes(model))
        paths = [path]
        if isinstance(model, SrVae):
            paths.append(self.run.export(TABLES, self._tables(model)))
        about = {
            "codec": self.run.recipe.name,
            "paper": _PAPER,
            "parameters": sum(p.numel() for p in model.parameters()),
        }
        training = card.training_of_one_stage(self.run, "cifar10")
        return [*paths, card.write_plain_card(self.run, path, "cifar10", about, training)]

    def _tables(self, model: SrVae) -> bytes:
        """Return a file of tables that are fitted on y of all training pictures."""
        side = model.config.side
        rows = small_images.cifar10(self.run.settings.data).train[:, :side, :side]
        y = downscaled(torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 3, 1, 2)))).permute(0, 2, 3, 1)
        return save_arrays({"tables": fit_tables(y.numpy())})


def load_trained_model(out: Path, stage: Stage) -> SingleVae | SrVae:
    """Load the averaged weights of the stage of a run in the folder `out`, frozen. Raises ValueError without them."""
    model = make(stage.task.net)
    load_weights(model, out / stage.name / NAME)
    return model.eval().requires_grad_(False)
