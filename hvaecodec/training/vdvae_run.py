"""The one stage of a paper's VAE, and its export: half-precision weights and their card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import save as save_arrays

from hvaecodec import __version__
from hvaecodec.codec.context_stream import fit
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.vae_weights import FILE, TABLES, read_vae, vae_bytes
from hvaecodec.models.vdvae import Vdvae
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings
from hvaecodec.training.vae_data import load_vae_pictures
from hvaecodec.training.vdvae_task import VdvaeTask

CODEC = "dct-vae-cifar10"


class VdvaeRun:
    """`run.Family` of the papers' VAEs."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work: all do."""

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """The net's file and, where it makes a codec, that of the context's tables; both of the one stage."""
        (stage,) = recipe.stages
        return {FILE: stage} | ({TABLES: stage} if _is_codec(stage) else {})

    def task(self, stage: Stage) -> VdvaeTask:
        config = stage.task
        pictures = load_vae_pictures(self.run.settings.data, config.data, config.net.side, config.held_out)
        where: dict[str, Any] = {"seed": self.run.settings.seed, "rank": self.run.ranks.rank}
        return VdvaeTask(config, pictures, device=self.run.device, bf16=stage.loop.bf16, **where)

    def begin(self, stage: Stage, task: VdvaeTask) -> None:
        """New weights, or those that were given."""
        if self.run.settings.init is not None:
            load_weights(task.net, self.run.settings.init)

    def export(self) -> list[Path]:
        folder = self.run.settings.export
        assert folder is not None
        (stage,) = self.run.recipe.stages
        vae = Vdvae(stage.task.net)
        load_weights(vae, self.run.folder(stage.name) / NAME)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        write_atomically(path, vae_bytes(vae, stage.task.name), self.run.settings.force)
        written = [path]
        if _is_codec(stage):
            written.append(folder / TABLES)
            write_atomically(written[-1], self._tables(read_vae(path), stage), self.run.settings.force)
        return [*written, self._write_card(folder, path, stage)]

    def _tables(self, vae: Vdvae, stage: Stage) -> bytes:
        """Fitted on the contexts of all pictures that trained, as the exported net makes them."""
        config = stage.task
        pictures = load_vae_pictures(self.run.settings.data, config.data, config.net.side, config.held_out)
        assert vae.context is not None
        parts = [vae.context.symbols(part.float() / 255).int() for part in pictures.train.split(1000)]
        return save_arrays(fit(torch.cat(parts).numpy(), vae.context.config.half))

    def _write_card(self, folder: Path, path: Path, stage: Stage) -> Path:
        found = load_checkpoint(self.run.folder(stage.name))
        assert found is not None
        source, terms = small_images.TERMS[stage.task.data]
        told: dict[str, Any] = {"codec": CODEC} if _is_codec(stage) else {}
        told |= {
            "network": stage.task.name,
            "licence": f"as the terms of its data allow: {terms}",
            "version": __version__,
        }
        told |= card.part(path, {"recipe": self.run.recipe.name, "preset": self.run.recipe.preset})
        told |= {"seed": self.run.settings.seed, "commit": card.commit(), "training": asdict(stage.task)}
        told |= {"data": [{"source": source, "pack": f"{stage.task.data}.npz", "terms": terms}]}
        told |= {"steps": found.position.step, "minutes": round(found.position.seconds / 60, 1)} | found.about
        target = folder / card.CARD
        write_atomically(target, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode(), force=True)
        return target


def _is_codec(stage: Stage) -> bool:
    """Whether a net's weights make a folder of `dct-vae-cifar10`."""
    context = stage.task.net.context
    return stage.task.data == "cifar10" and context is not None and context.kind == "dct"
