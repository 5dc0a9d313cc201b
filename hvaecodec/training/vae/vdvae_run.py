"""The one stage of a paper's VAE, and its export: half-precision weights and their card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as save_arrays

from hvaecodec.codec.tiles.context_stream import fit_context_tables
from hvaecodec.codec.tiles.tiles32 import cut, to_tensor, whole_tiles
from hvaecodec.codec.tiles.vae_weights import FILE, TABLES, read_vae, vae_bytes
from hvaecodec.models.vdvae.context import DctContext
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.training import card
from hvaecodec.training.data import load_training_photos
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Family
from hvaecodec.training.vae.vae_data import VaePictures, load_vae_pictures
from hvaecodec.training.vae.vdvae_task import VdvaeTask

CODEC = "dct-vae-cifar10"


@dataclass(frozen=True)
class VdvaeRun(Family):
    """Runs the recipes in `recipes.vdvae`; a `run.Family`."""

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """Return the net's file and, where it makes a codec, that of the context's tables; both of the one stage."""
        (stage,) = recipe.stages
        return {FILE: stage} | ({TABLES: stage} if _is_codec(stage) else {})

    def task(self, stage: Stage) -> VdvaeTask:
        """Make the net and read its data set. Raises FileNotFoundError without the pack."""
        return VdvaeTask(stage.task, self._pictures(stage), self.run.place(stage))

    def export(self) -> list[Path]:
        """Write the net, the tables of its context if it makes a codec, and the card."""
        (stage,) = self.run.recipe.stages
        vae = Vdvae(stage.task.net)
        self.run.load_stage(stage.name, vae)
        path = self.run.export(FILE, vae_bytes(vae))
        paths, about = [path], {"network": stage.task.name}
        if _is_codec(stage):
            photos = self._photos()
            paths.append(self.run.export(TABLES, self._tables(read_vae(path), stage, photos)))
            about = {"codec": CODEC, "tables": {"file": TABLES} | self._photo_terms(photos)} | about
        training = card.training_of_one_stage(self.run, stage.task.data)
        return [*paths, card.write_plain_card(self.run, path, stage.task.data, about, training)]

    def _pictures(self, stage: Stage) -> VaePictures:
        config = stage.task
        return load_vae_pictures(self.run.settings.data, config.data, config.net.side, config.held_out)

    def _photos(self) -> list[np.ndarray]:
        """Read the training photos, if the data folder has any beside the pack of small pictures."""
        try:
            return load_training_photos(self.run.settings.data)
        except FileNotFoundError:
            return []

    def _photo_terms(self, photos: Sequence[np.ndarray]) -> dict[str, Any]:
        """Return what the card says of the photos that tables were fitted on, {} without photos."""
        if not photos:
            return {}
        sources = card.data_and_terms(self.run.settings.data)
        return {"photos": sources, "licence": card.licence(sources, None)}

    def _tables(self, vae: Vdvae, stage: Stage, photos: Sequence[np.ndarray]) -> bytes:
        """Return a file of tables fitted on contexts as the exported net makes them.

        They are contexts of all pictures that trained, and of the tiles of photos, which the codec is for and which are
        smoother.
        """
        assert vae.context is not None
        small = (part.float() for part in self._pictures(stage).train.split(1000))
        tiles = (to_tensor(cut(whole)) for whole in map(whole_tiles, photos) if whole.size)
        parts = [vae.context.symbols(batch / 255).int() for batch in chain(small, tiles)]
        s = vae.context.largest.numpy() if isinstance(vae.context, DctContext) else None
        return save_arrays(fit_context_tables(torch.cat(parts).numpy(), vae.context.config.half, s))


def _is_codec(stage: Stage) -> bool:
    """Tell whether a net's weights make a folder of `dct-vae-cifar10`."""
    return stage.task.data == "cifar10" and stage.task.net.context is not None
