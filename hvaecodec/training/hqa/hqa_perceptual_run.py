"""The stages of the perceptual `hqa-photo`: layers together, priors of their indices, a texture; the whole folder."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save as save_tensors
from torch import nn

from hvaecodec.codec.hqa.codec import HqaPhotoCodec
from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.codec.weights import BITSTREAM, SAMPLED, TEXTURED, generators_in
from hvaecodec.models.hqa.index_trainable import IndexPriorNet
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.models.texture import Texture
from hvaecodec.training import card
from hvaecodec.training.hqa.hqa_photo_export import (
    GENERATOR,
    export_hqa_bitstream,
    export_hqa_generator,
    finished_stack,
)
from hvaecodec.training.hqa.index_task import IndexTask
from hvaecodec.training.hqa.stack_task import StackTask
from hvaecodec.training.hqa.stack_validation import StackValidation
from hvaecodec.training.overlay_export import check_init
from hvaecodec.training.perceptual.perceptual_run import LOSSES
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.recipes.hqa_perceptual import PerceptualTexture, StackTraining
from hvaecodec.training.recipes.hqa_photo import IndexTraining
from hvaecodec.training.run import Family
from hvaecodec.training.texture.coded_photos import StackCoded
from hvaecodec.training.texture.perceptual_texture_task import PerceptualTextureTask
from hvaecodec.training.weights_file import order_metadata

LPIPS = LOSSES[:1]  # the stack's loss has no critic


@dataclass(frozen=True)
class HqaPerceptualRun(Family):
    """Runs the recipes in `recipes.hqa_perceptual`; a `run.Family`.

    --init: a folder of the codec's weights, whose layers the first stage begins with, else the package's.
    """

    check_settings = staticmethod(check_init)

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """Return the three files, each with the stage that it comes from."""
        files = {GENERATOR: "stack", BITSTREAM: "indices", TEXTURED: "texture"}
        return {name: recipe.stage(stage) for name, stage in files.items()}

    @cached_property
    def codec(self) -> HqaPhotoCodec:
        """Hold the codec whose layers are trained on.

        Raises ValueError if what is to be free would begin with layers that are not.
        """
        codec, recipe = HqaPhotoCodec.load(self.run.settings.init), self.run.recipe
        if recipe.sources is not None and _first_part(codec).get("licence") == card.RESEARCH:
            raise ValueError(
                f"{recipe.name} trains on free sources, but the layers that it is to begin with saw others; "
                "train hqa-photo-free and pass its folder as --init"
            )
        return codec

    def first_stack(self) -> HqaStack:
        """Return a copy of that codec's layers."""
        generators = self.codec.generators
        return copy.deepcopy(cast("HqaStack", generators.get(generators.base(generators.newest, "texture", "sampler"))))

    def stack(self) -> HqaStack:
        """Return the layers as the first stage leaves them and the codec will have them."""
        stack = self.first_stack()
        self.run.load_stage("stack", stack)
        return finished_stack([stack[number] for number in range(len(stack))])

    def task(self, stage: Stage) -> StackTask | IndexTask | PerceptualTextureTask:
        """Make the task of a stage, on what the stages before it left."""
        photos, place = self.run.photos, self.run.place(stage)
        if isinstance(stage.task, StackTraining):
            priors = self.codec.nets.arithmetic
            task = StackTask(stage.task, self.first_stack(), priors, photos, place)
            if photos.valid:
                task.valid = StackValidation(photos.valid, task.lpips, priors, self.codec.bitstream.tables)
            return task
        if isinstance(stage.task, IndexTraining):
            return IndexTask(stage.task, self.stack(), photos, place)
        coded = StackCoded(self.stack(), stage.task)
        return PerceptualTextureTask(stage.task, coded, photos, place, loop=stage.loop)

    def begin(self, stage: Stage, task: StackTask | IndexTask | PerceptualTextureTask) -> None:
        """Let priors begin as the codes lie; layers have their weights, and a texture those of the seed."""
        if isinstance(task, IndexTask):
            task.fit()

    def export(self) -> list[Path]:
        """Write bitstream, generator, texture and card, and remove a sampler of layers that are no more."""
        folder, force = self.run.export_folder, self.run.settings.force
        stack = self.stack()
        generator = export_hqa_generator(stack, folder, force)
        bitstream = export_hqa_bitstream(stack, self._priors(len(stack)), folder, force)
        base = next(digest for digest, path in generators_in(folder).items() if path == generator)
        texture = self.run.export(TEXTURED, order_metadata(self._texture_bytes(base)))
        (folder / SAMPLED).unlink(missing_ok=True)
        parts = {
            "bitstream": card.part(bitstream, self._after_first(self._training(IndexTraining))),
            "generator": card.part(generator, self._after_first(self._training(StackTraining, LPIPS))),
            "texture": card.part(texture, {"base": base.hex()} | self._training(PerceptualTexture, LOSSES)),
        }
        return [bitstream, generator, texture, card.write_card(folder, self.codec.name, parts)]

    def _priors(self, count: int) -> list[IndexPriorNet]:
        config = self.run.recipe.stage("indices").task.net
        priors = nn.ModuleList(IndexPriorNet(config) for _ in range(count))
        self.run.load_stage("indices", priors)
        return [prior for prior in priors if isinstance(prior, IndexPriorNet)]

    def _texture_bytes(self, base: bytes) -> bytes:
        task = self.run.recipe.stage("texture").task
        net = Texture(task.net)
        self.run.load_stage("texture", net)
        net.weaken(task.strength)
        return save_tensors(half_precision(net), {"config": json.dumps(asdict(net.config)), "base": base.hex()})

    def _after_first(self, training: dict[str, Any]) -> dict[str, Any]:
        """Return what the card says of weights that began with others: how those were trained, and both licences."""
        first = {name: value for name, value in _first_part(self.codec).items() if name not in ("file", "bytes")}
        licences = dict.fromkeys((first.get("licence", card.UNKNOWN), training["licence"]))
        return training | {"began_with": first, "licence": "; ".join(licences)}

    def _training(self, kind: type, losses: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
        """Return what the card says of a file: its stage from its checkpoint. losses: the nets that its loss saw."""
        ((stage, checkpoint),) = self.run.checkpoints(kind)
        training = card.origin(self.run) | {"training": asdict(stage.task)}
        training |= card.duration(checkpoint) | checkpoint.about
        if losses:
            training["losses"] = list(losses)
        return training | card.photo_terms(self.run)


def _first_part(codec: HqaPhotoCodec) -> dict[str, Any]:
    """Return what the card of a codec says of its layers, {} if nothing."""
    part: dict[str, Any] = codec.card.get("parts", {}).get("generator", {})
    return part
