"""The one stage of a texture, and its export beside the generator that it goes on top of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from safetensors.torch import save as save_tensors

from hvaecodec.codec.hqa.codec import HqaPhotoCodec
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.codec.weights import TEXTURED
from hvaecodec.models.texture import Texture
from hvaecodec.training import overlay_export
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.texture import HqaTexture
from hvaecodec.training.run import Run
from hvaecodec.training.texture.coded_photos import DctCoded, HqaCoded
from hvaecodec.training.texture.texture_task import TextureTask


@dataclass(frozen=True)
class TextureRun:
    """`run.Family` of the recipes in `recipes.texture`. --init: a folder of the codec's weights, else the package's."""

    run: Run

    check = staticmethod(overlay_export.check)

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
        (stage,) = self.run.recipe.stages
        net = Texture(stage.task.net)
        load_weights(net, self.run.folder(stage.name) / NAME)
        net.weaken(stage.task.strength)
        codec = self.coded.codec
        base = codec.generators.base(codec.generators.newest, "texture")
        metadata = {"config": json.dumps(asdict(net.config)), "base": base.hex()}
        data = save_tensors(half_precision(net), metadata)
        return overlay_export.write(self.run, codec.name, TEXTURED, "texture", data, base)
