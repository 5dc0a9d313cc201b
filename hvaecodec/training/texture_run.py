"""The one stage of a texture, and its export beside the generator that it goes on top of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hvaecodec.codec.dct_vae import DctVaeCodec
from hvaecodec.codec.hqa_photo import HqaPhotoCodec
from hvaecodec.codec.weights import TEXTURED
from hvaecodec.models.texture import Texture
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.export import export_texture
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.texture import HqaTexture
from hvaecodec.training.run import Run, Settings
from hvaecodec.training.texture_pictures import DctCoded, HqaCoded
from hvaecodec.training.texture_task import TextureTask


@dataclass(frozen=True)
class TextureRun:
    """`run.Family` of the recipes in `recipes.texture`. --init: a folder of the codec's weights, else the package's."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work."""
        if settings.init is not None and not settings.init.is_dir():
            raise ValueError(f"{recipe.name} goes on top of a whole codec; --init must be a folder of its weights")

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """The texture's file."""
        return {TEXTURED: recipe.stages[0]}

    @cached_property
    def coded(self) -> DctCoded | HqaCoded:
        """What codes and decodes the pictures to train on."""
        task, folder = self.run.recipe.stages[0].task, self.run.settings.init
        if isinstance(task, HqaTexture):
            return HqaCoded(HqaPhotoCodec.load(folder), task)
        return DctCoded(DctVaeCodec.load(folder), task)

    def task(self, stage: Stage) -> TextureTask:
        return TextureTask(stage.task, stage.loop, self.coded, *self.run.photos, **self.run.place(stage))

    def begin(self, stage: Stage, task: TextureTask) -> None:
        """A texture begins with new weights, those of the seed."""

    def export(self) -> list[Path]:
        """The texture, in a folder that already has the generator it was trained on."""
        ((stage, found),) = self.run.done()
        folder = self.run.export_folder
        net = Texture(stage.task.net)
        load_weights(net, self.run.folder(stage.name) / NAME)
        net.weaken(stage.task.strength)
        codec = self.coded.codec
        base = codec.generators.base(codec.generators.newest)
        path = export_texture(net, base, folder, self.run.settings.force)
        data = card.data_and_terms(self.run.settings.data, self.run.recipe.sources)
        told: dict[str, Any] = {"base": base.hex()}
        told |= card.origin(self.run) | {
            "training": asdict(stage.task),
            **card.spent(found),
            **found.about,
            "data": list(data),
            "licence": card.licence(data, self.run.recipe.sources),
        }
        return [path, card.write_card(folder, codec.name, {"texture": card.part(path, told)})]
