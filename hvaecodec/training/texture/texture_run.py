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
from hvaecodec.training.overlay_export import Overlay, check_init, export_overlay
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.texture import HqaTexture
from hvaecodec.training.run import Family
from hvaecodec.training.texture.coded_photos import Coded, DctCoded, StackCoded
from hvaecodec.training.texture.texture_task import TextureTask


@dataclass(frozen=True)
class TextureRun(Family):
    """Runs the recipes in `recipes.texture`; a `run.Family`. --init: a folder of the codec's weights."""

    check_settings = staticmethod(check_init)

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """Return the texture's file and the one stage."""
        return {TEXTURED: recipe.stages[0]}

    @cached_property
    def codec(self) -> DctVaeCodec | HqaPhotoCodec:
        """Hold the codec that gives the pictures to train on."""
        kind = HqaPhotoCodec if isinstance(self.run.recipe.stages[0].task, HqaTexture) else DctVaeCodec
        return kind.load(self.run.settings.init)

    def coded(self, stage: Stage) -> Coded:
        """Return what codes photos by that codec, for a stage."""
        if isinstance(self.codec, DctVaeCodec):
            return DctCoded(self.codec, stage.task)
        drawing = self.codec.generators.drawing(self.codec.generators.newest)
        return StackCoded(drawing.net, stage.task, drawing.sampler)

    def task(self, stage: Stage) -> TextureTask:
        """Make the texture and its critic, on photos as the codec gives them back."""
        return TextureTask(stage.task, self.coded(stage), self.run.photos, self.run.place(stage), loop=stage.loop)

    def begin(self, stage: Stage, task: TextureTask) -> None:
        """Leave the texture its new weights, those of the seed: --init names the codec below."""

    def export(self) -> list[Path]:
        """Write the texture into a folder that already has the generator it was trained on, and its card."""
        (stage,) = self.run.recipe.stages
        net = Texture(stage.task.net)
        self.run.load_stage(stage.name, net)
        net.weaken(stage.task.strength)
        codec = self.codec
        base = codec.generators.base(codec.generators.newest, "texture")
        metadata = {"config": json.dumps(asdict(net.config)), "base": base.hex()}
        data = save_tensors(half_precision(net), metadata)
        return export_overlay(self.run, Overlay(codec.name, "texture", TEXTURED, base, data))
