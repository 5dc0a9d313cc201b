"""The stages of HQA and its ablations on small pictures: each layer on the frozen ones below, and the export."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from hvaecodec.codec.hqa.stack_weights import FILE, stack_bytes
from hvaecodec.models.hqa.build import make_stack
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.hqa.hqa_data import Epochs, as_float, cache_fits, encoded, pictures
from hvaecodec.training.hqa.hqa_task import HqaLayerTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings

HELD_OUT = 1000  # of the training pictures, to validate on


@dataclass(frozen=True)
class HqaRun:
    """`run.Family` of the recipes in `recipes.hqa`."""

    run: Run

    @staticmethod
    def check(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for settings that cannot work."""
        if settings.init is not None:
            raise ValueError(f"{recipe.name} trains its layers from the beginning; it takes no --init")

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """One file with all layers."""
        return {FILE: recipe.stages[-1]}

    @cached_property
    def pictures(self) -> Tensor:
        """The training pictures, uint8 (N, C, H, W)."""
        return pictures(self.run.recipe.stages[0].task.data, self.run.settings.data)[0]

    def task(self, stage: Stage) -> HqaLayerTask:
        if self.run.ranks.world > 1:
            raise ValueError("layers of HQA train in one process: how often a code is used is not shared")
        task, seed, device = stage.task, self.run.settings.seed, self.run.device
        below = self.stack(before=stage)
        rows, cached = self.pictures, False
        if below is not None and not task.window and cache_fits(below.to(device), rows):
            rows, cached = encoded(below, rows, device, stage.loop.bf16), True
        held_out = min(HELD_OUT, len(rows) // 9)
        source = Epochs(rows[:-held_out], task.batch, seed, window=task.window)
        where: dict[str, Any] = {"seed": seed, "device": device, "bf16": stage.loop.bf16}
        if self.run.recipe.preset == "tiny":
            where["pool"] = 1 << 14
        return HqaLayerTask(task, below, source, valid=as_float(rows[-held_out:]), encoded=cached, **where)

    def begin(self, stage: Stage, task: HqaLayerTask) -> None:
        """Every layer begins with new weights, those of the seed."""

    def stack(self, before: Stage | None = None) -> HqaStack | None:
        """The trained layers, up to the one that `before` trains; None if there are none below it."""
        stages = self.run.recipe.stages
        stages = stages[: stages.index(before)] if before else stages
        return trained_stack(self.run.settings.out, stages) if stages else None

    def export(self) -> list[Path]:
        stack = self.stack()
        assert stack is not None
        stages = self.run.recipe.stages
        path = self.run.export(FILE, stack_bytes(stack, [stage.task.layer for stage in stages]))
        pack = stages[0].task.data.removesuffix("32")
        about = {
            "network": self.run.recipe.name,
            "paper": "Williams et al., Hierarchical Quantized Autoencoders, arXiv:2002.08111",
            "parameters": sum(p.numel() for p in stack.parameters()),
        }
        return [path, card.write_plain_card(self.run, path, pack, about, self._training(pack))]

    def _training(self, pack: str) -> dict[str, Any]:
        """Its pictures, and its stages from their checkpoints."""
        source, terms = small_images.TERMS[pack]
        stages = [
            {"name": stage.name} | card.spent(found) | found.about | {"training": asdict(stage.task)}
            for stage, found in self.run.done()
        ]
        return {"data": [{"source": source, "terms": terms}], "stages": stages}


def trained_stack(out: Path, stages: tuple[Stage, ...]) -> HqaStack:
    """The layers of finished stages of a run in the folder `out`, frozen."""
    stack = make_stack([stage.task.layer for stage in stages])
    for number, stage in enumerate(stages):
        load_weights(stack[number], out / stage.name / NAME)
    return stack.freeze()
