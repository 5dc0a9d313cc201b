"""The one stage of a paper's VAE, and its export: half-precision weights and their card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_arrays

from hvaecodec.codec.tiles.context_stream import fit_context_tables
from hvaecodec.codec.tiles.tiles32 import cut, to_tensor, whole_tiles
from hvaecodec.codec.tiles.vae_weights import FILE, TABLES, read_vae, vae_bytes
from hvaecodec.models.vdvae.context import DctContext
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.data import load_training_photos
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings
from hvaecodec.training.vae.vae_data import load_vae_pictures
from hvaecodec.training.vae.vdvae_task import VdvaeTask

CODEC = "dct-vae-cifar10"


@dataclass(frozen=True)
class VdvaeRun:
    """`run.Family` of the papers' VAEs."""

    run: Run

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
        return VdvaeTask(config, pictures, **self.run.place(stage))

    def begin(self, stage: Stage, task: VdvaeTask) -> None:
        """New weights, or those that were given."""
        if self.run.settings.init is not None:
            load_weights(task.net, self.run.settings.init)

    def export(self) -> list[Path]:
        (stage,) = self.run.recipe.stages
        vae = Vdvae(stage.task.net)
        load_weights(vae, self.run.folder(stage.name) / NAME)
        path = self.run.export(FILE, vae_bytes(vae))
        written, about = [path], {"network": stage.task.name}
        if _is_codec(stage):
            photos = self._photos()
            written.append(self.run.export(TABLES, self._tables(read_vae(path), stage, photos)))
            told = card.data_and_terms(self.run.settings.data) if photos else []
            tables = {"photos": told, "licence": card.licence(told, None)} if told else {}
            about = {"codec": CODEC, "tables": {"file": TABLES} | tables} | about
        training = card.one_stage(self.run, stage.task.data)
        return [*written, card.write_plain_card(self.run, path, stage.task.data, about, training)]

    def _photos(self) -> list[np.ndarray]:
        """Training photos, if the data folder has any beside the pack of small pictures."""
        try:
            return load_training_photos(self.run.settings.data)
        except FileNotFoundError:
            return []

    def _tables(self, vae: Vdvae, stage: Stage, photos: Sequence[np.ndarray]) -> bytes:
        """Fitted on contexts as the exported net makes them: of all pictures that trained, and of the tiles of photos,
        which the codec is for and which are smoother."""
        config = stage.task
        pictures = load_vae_pictures(self.run.settings.data, config.data, config.net.side, config.held_out)
        assert vae.context is not None
        small = (part.float() for part in pictures.train.split(1000))
        tiles = (to_tensor(cut(whole)) for whole in map(whole_tiles, photos) if whole.size)
        parts = [vae.context.symbols(batch / 255).int() for batch in chain(small, tiles)]
        s = vae.context.largest.numpy() if isinstance(vae.context, DctContext) else None
        return save_arrays(fit_context_tables(torch.cat(parts).numpy(), vae.context.config.half, s))


def _is_codec(stage: Stage) -> bool:
    """Whether a net's weights make a folder of `dct-vae-cifar10`."""
    return stage.task.data == "cifar10" and stage.task.net.context is not None
