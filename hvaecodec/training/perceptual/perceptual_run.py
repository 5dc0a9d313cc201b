"""The one stage of a perceptual generator, and its export beside the generator that it goes on top of."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from safetensors.torch import save as save_tensors

from hvaecodec.codec.metric_nets import convolutions
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.codec.weights import PERCEPTUAL
from hvaecodec.models.photo.generator import Generator
from hvaecodec.training.overlay_export import Overlay, check_init, export_overlay
from hvaecodec.training.perceptual.perceptual_task import PerceptualTask, drawing_net
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Family

KIND = "perceptual"
LOSSES = (
    {
        "net": "LPIPS 0.1 (AlexNet)",
        "weights": f"{convolutions.ALEXNET.about}, and the linear weights of the package lpips",
        "terms": "lpips: BSD-2-Clause; torchvision: BSD-3-Clause, its AlexNet trained on ImageNet",
    },
    {
        "net": "a critic of patches, hvaecodec.models.patch_critic",
        "weights": "trained beside the generator, on the same photos, and not kept",
        "terms": "those of the photos",
    },
)


@dataclass(frozen=True)
class PerceptualRun(Family):
    """Runs the recipes in `recipes.perceptual`; a `run.Family`. --init: a folder of the codec's weights."""

    check_settings = staticmethod(check_init)

    @staticmethod
    def exports(recipe: Recipe) -> Mapping[str, Stage]:
        """Return the perceptual generator's file and the one stage."""
        return {PERCEPTUAL: recipe.stages[0]}

    @cached_property
    def codec(self) -> DctVaeCodec:
        """Hold the codec whose files are to be drawn."""
        return DctVaeCodec.load(self.run.settings.init)

    @cached_property
    def base(self) -> bytes:
        """Hold the digest of the first generator, under whatever lies on top of it."""
        generators = self.codec.generators
        return generators.base(generators.newest, "texture", KIND)

    @property
    def smooth(self) -> Generator:
        """Return a copy of the first generator."""
        net: Generator = copy.deepcopy(self.codec.generators.get(self.base))
        return net

    def task(self, stage: Stage) -> PerceptualTask:
        """Make the net and its critic, on photos as the codec's files have them."""
        place = self.run.place(stage)
        return PerceptualTask(stage.task, self.codec.weights, self.smooth, self.run.photos, place, loop=stage.loop)

    def begin(self, stage: Stage, task: PerceptualTask) -> None:
        """Leave the net the first generator's weights."""

    def export(self) -> list[Path]:
        """Write the net into a folder that already has the generator it was trained on, and its card."""
        (stage,) = self.run.recipe.stages
        net = drawing_net(self.smooth)
        self.run.load_stage(stage.name, net)
        data = perceptual_bytes(net, self.base)
        return export_overlay(self.run, Overlay(self.codec.name, KIND, PERCEPTUAL, self.base, data, LOSSES))


def perceptual_bytes(net: Generator, base: bytes) -> bytes:
    """Return the file of a perceptual generator, in half precision, for the generator with the digest `base`.

    Raises ValueError if a weight does not fit half precision.
    """
    metadata = {"config": json.dumps(asdict(net.config)), "base": base.hex(), "kind": KIND}
    return save_tensors(half_precision(net), metadata)
