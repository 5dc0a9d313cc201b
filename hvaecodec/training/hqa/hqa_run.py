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
from hvaecodec.training.hqa.hqa_data import Epochs, as_float, cache_fits, encode_rows, load_pictures
from hvaecodec.training.hqa.hqa_task import POOL, HqaLayerTask
from hvaecodec.training.recipes.common import Recipe, Stage
from hvaecodec.training.run import Family, Settings

HELD_OUT = 1000  # of the training pictures, to validate on
_TINY_POOL = 1 << 14  # Gumbel numbers, where making POOL of them takes longer than to train


@dataclass(frozen=True)
class HqaRun(Family):
    """Runs the recipes in `recipes.hqa` and `recipes.hqa_faces`; a `run.Family`."""

    @staticmethod
    def check_settings(recipe: Recipe, settings: Settings) -> None:
        """Raise ValueError for --init, which these recipes do not take."""
        if settings.init is not None:
            raise ValueError(f"{recipe.name} trains its layers from the beginning; it takes no --init")

    @staticmethod
    def exports(recipe: Recipe) -> dict[str, Stage]:
        """Return the one file, with all layers, and the last stage."""
        return {FILE: recipe.stages[-1]}

    @cached_property
    def pictures(self) -> Tensor:
        """Hold the training pictures, uint8 (N, C, H, W), read when first needed."""
        return load_pictures(self.run.recipe.stages[0].task.data, self.run.settings.data)[0]

    def task(self, stage: Stage) -> HqaLayerTask:
        """Make a layer on the trained ones below it. Raises ValueError if several processes train."""
        if self.run.ranks.world > 1:
            raise ValueError("layers of HQA train in one process: how often a code is used is not shared")
        config, place = stage.task, self.run.place(stage)
        below = self._below(stage)
        rows, encoded = self.pictures, False
        if below is not None and not config.window and cache_fits(below.to(place.device), rows):
            rows, encoded = encode_rows(below, rows, place), True
        held_out = min(HELD_OUT, len(rows) // 9)
        source = Epochs(rows[:-held_out], config.batch, place, window=config.window)
        valid = as_float(rows[-held_out:])
        pool = _TINY_POOL if self.run.recipe.preset == "tiny" else POOL
        return HqaLayerTask(config, below, source, place, valid=valid, encoded=encoded, pool=pool)

    def _below(self, stage: Stage) -> HqaStack | None:
        """Load the trained layers below the one that a stage trains; None if there are none."""
        stages = self.run.recipe.stages
        stages = stages[: stages.index(stage)]
        return load_trained_stack(self.run.settings.out, stages) if stages else None

    def export(self) -> list[Path]:
        """Write all layers and their card."""
        stages = self.run.recipe.stages
        stack = load_trained_stack(self.run.settings.out, stages)
        path = self.run.export(FILE, stack_bytes(stack, [stage.task.layer for stage in stages]))
        pack = stages[0].task.data.removesuffix("32")
        about = {
            "network": self.run.recipe.name,
            "paper": "Williams et al., Hierarchical Quantized Autoencoders, arXiv:2002.08111",
            "parameters": sum(p.numel() for p in stack.parameters()),
        }
        return [path, card.write_plain_card(self.run, path, pack, about, self._training(pack))]

    def _training(self, pack: str) -> dict[str, Any]:
        """Return what the card says of the pictures, and of the stages from their checkpoints."""
        source, terms = small_images.TERMS[pack]
        stages = [
            card.stage_entry(stage, checkpoint, training=asdict(stage.task))
            for stage, checkpoint in self.run.checkpoints()
        ]
        return {"data": [{"source": source, "terms": terms}], "stages": stages}


def load_trained_stack(out: Path, stages: tuple[Stage, ...]) -> HqaStack:
    """Load the layers of finished stages of a run in the folder `out`, frozen. Raises ValueError without them."""
    stack = make_stack([stage.task.layer for stage in stages])
    for number, stage in enumerate(stages):
        load_weights(stack[number], out / stage.name / NAME)
    return stack.freeze()
