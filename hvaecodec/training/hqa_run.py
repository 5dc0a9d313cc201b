"""The stages of HQA and its ablations on small pictures: each layer on the frozen ones below, and the export."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from hvaecodec import __version__
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.hqa_weights import FILE, stack_bytes
from hvaecodec.models.hqa import HqaStack
from hvaecodec.models.hqa_build import make_stack
from hvaecodec.training import card, small_images
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.hqa_data import Epochs, as_float, cache_fits, encoded, pictures
from hvaecodec.training.hqa_task import HqaLayerTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Run, Settings

HELD_OUT = 1000  # of the training pictures, to validate on


class HqaRun:
    """`run.Family` of the recipes in `recipes.hqa`."""

    def __init__(self, run: Run) -> None:
        self.run = run

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
        folder = self.run.settings.export
        assert folder is not None
        stack = self.stack()
        assert stack is not None
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        configs = [stage.task.layer for stage in self.run.recipe.stages]
        write_atomically(path, stack_bytes(stack, configs), self.run.settings.force)
        target = folder / card.CARD
        content = json.dumps(self._card(path, stack), indent=1, ensure_ascii=False) + "\n"
        write_atomically(target, content.encode(), force=True)
        return [path, target]

    def _card(self, path: Path, stack: HqaStack) -> dict[str, Any]:
        stages = self.run.recipe.stages
        source, terms = small_images.TERMS[stages[0].task.data.removesuffix("32")]
        told: dict[str, Any] = {
            "network": self.run.recipe.name,
            "paper": "Williams et al., Hierarchical Quantized Autoencoders, arXiv:2002.08111",
            "parameters": sum(p.numel() for p in stack.parameters()),
            "licence": f"as the terms of its data allow: {terms}",
            "version": __version__,
        }
        told |= card.part(path, {"recipe": self.run.recipe.name, "preset": self.run.recipe.preset})
        told |= {"seed": self.run.settings.seed, "commit": card.commit(), "data": [{"source": source, "terms": terms}]}
        told["stages"] = []
        for stage in stages:
            found = load_checkpoint(self.run.folder(stage.name))
            assert found is not None
            position = {"steps": found.position.step, "minutes": round(found.position.seconds / 60, 1)}
            told["stages"].append({"name": stage.name} | position | found.about | {"training": asdict(stage.task)})
        return told


def trained_stack(out: Path, stages: tuple[Stage, ...]) -> HqaStack:
    """The layers of finished stages of a run in the folder `out`, frozen."""
    stack = make_stack([stage.task.layer for stage in stages])
    for number, stage in enumerate(stages):
        load_weights(stack[number], out / stage.name / NAME)
    return stack.freeze()
