"""The one stage of an srVAE or of its single-level twin, and its export, for the srVAE with the codec's tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as save_arrays

from hvaecodec import __version__
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.small_picture import fit_tables
from hvaecodec.codec.srvae_weights import FILE, TABLES, model_bytes
from hvaecodec.models.srvae import SingleVae, SrVae, SrVaeConfig, downscaled, make
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings
from hvaecodec.training.srvae_task import SrVaeTask

HELD_OUT = 500  # of the training pictures, to validate on


class SrVaeRun:
    """`run.Family` of the recipes in `recipes.srvae`."""

    def __init__(self, run: Run) -> None:
        self.run = run

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
        where: dict[str, Any] = {"seed": self.run.settings.seed, "device": self.run.device, "bf16": stage.loop.bf16}
        where["compiled"] = stage.loop.compiled
        held = min(HELD_OUT, len(rows) // 2)
        return SrVaeTask(stage.task, rows[:-held], rows[-held:], **where)

    def begin(self, stage: Stage, task: SrVaeTask) -> None:
        """New weights started from data, or those that were given."""
        init = self.run.settings.init
        if init is None:
            task.start()
        else:
            load_weights(task.net, init / FILE if (init / FILE).is_file() else init)

    def export(self) -> list[Path]:
        folder = self.run.settings.export
        assert folder is not None
        (stage,) = self.run.recipe.stages
        model = trained(self.run.settings.out, stage)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        write_atomically(path, model_bytes(model), self.run.settings.force)
        written = [path]
        if isinstance(model, SrVae):
            written.append(folder / TABLES)
            write_atomically(written[-1], self._tables(model), self.run.settings.force)
        target = folder / card.CARD
        content = json.dumps(self._card(path, stage, model), indent=1, ensure_ascii=False) + "\n"
        write_atomically(target, content.encode(), force=True)
        return [*written, target]

    def _tables(self, model: SrVae) -> bytes:
        """Fitted on y of all training pictures."""
        side = model.config.side
        rows = small_images.cifar10(self.run.settings.data).train[:, :side, :side]
        y = downscaled(torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 3, 1, 2)))).permute(0, 2, 3, 1)
        return save_arrays({"tables": fit_tables(y.numpy())})

    def _card(self, path: Path, stage: Stage, model: SingleVae | SrVae) -> dict[str, Any]:
        found = load_checkpoint(self.run.folder(stage.name))
        assert found is not None
        source, terms = small_images.TERMS["cifar10"]
        told: dict[str, Any] = {
            "codec": self.run.recipe.name,
            "paper": "Gatopoulos et al., Super-resolution Variational Auto-Encoders, arXiv:2006.05218",
            "parameters": sum(p.numel() for p in model.parameters()),
            "licence": f"as the terms of its data allow: {terms}",
            "version": __version__,
        }
        told |= card.part(path, {"recipe": self.run.recipe.name, "preset": self.run.recipe.preset})
        told |= {"seed": self.run.settings.seed, "commit": card.commit(), "training": asdict(stage.task)}
        told |= {"data": [{"source": source, "pack": "cifar10.npz", "terms": terms}]}
        return told | {"steps": found.position.step, "minutes": round(found.position.seconds / 60, 1)} | found.about


def trained(out: Path, stage: Stage) -> SingleVae | SrVae:
    """The averaged weights of a run in the folder `out`, frozen."""
    model = make(stage.task.net)
    load_weights(model, out / stage.name / NAME)
    return model.eval().requires_grad_(False)
