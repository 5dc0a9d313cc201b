"""Train `hqa-photo` for the eye, stage by stage; resumable.

    python research/hqa-perceptual/train.py OUT --data DATA [--init WEIGHTS] [--stage NAME] [KEY=VALUE ...]

The stages are `stack`, all layers together; `indices`, the priors of their indices; `texture`, what temperature 1 adds.
Without --stage they are trained one after the other, each until its budget is spent; with it, that one alone. KEY=VALUE
sets fields of the `LoopConfig` or the task of that one stage; a stage that is gone on with needs the same ones again.
DATA holds the photo packs, of which those under free licences are read; --recipe hqa-photo-perceptual reads all.
WEIGHTS
is the folder of the codec that training begins with, else the package's. With --export FOLDER the finished stages are
written there, the whole folder of weights. LPIPS needs its weights, see docs/METRICS.md.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import torch

from hvaecodec.training.hqa.hqa_perceptual_run import HqaPerceptualRun
from hvaecodec.training.limited_loop import LimitedLoop, setting
from hvaecodec.training.loop import Loop
from hvaecodec.training.ranks import Ranks
from hvaecodec.training.recipes import Recipe, Stage, find_recipe
from hvaecodec.training.recipes.hqa_perceptual import NAME
from hvaecodec.training.run import Run, Settings


class LimitedRun(Run):
    """Trains the stages of a recipe in a `LimitedLoop`."""

    cpu_minutes = 0.0

    def make_loop(self, *arguments: Any, **settings: Any) -> Loop:
        """Return the loop with its limit."""
        loop = LimitedLoop(*arguments, **settings)
        loop.cpu_minutes = self.cpu_minutes
        return loop


def changed(stage: Stage, settings: dict[str, Any]) -> Stage:
    """Return a stage with other settings; a field that neither its task nor its loop has is an error."""
    names = {field.name for field in dataclasses.fields(stage.task)}
    task = {key: value for key, value in settings.items() if key in names}
    loop = {key: value for key, value in settings.items() if key not in names}
    return dataclasses.replace(
        stage, task=dataclasses.replace(stage.task, **task), loop=dataclasses.replace(stage.loop, **loop)
    )


def recipe_of(recipe: Recipe, name: str | None, settings: dict[str, Any]) -> tuple[Recipe, list[Stage]]:
    """Return a recipe with the settings of its stage of this name, and the stages to train: all, or that one."""
    if name is None:
        if settings:
            raise SystemExit("KEY=VALUE needs --stage: it says of which stage")
        return recipe, list(recipe.stages)
    stage = changed(recipe.stage(name), settings)
    stages = tuple(stage if other.name == name else other for other in recipe.stages)
    return dataclasses.replace(recipe, stages=stages), [stage]


def main() -> None:
    """Train until the budget is spent, then export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("settings", nargs="*", type=setting)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="a folder with the weights that training begins with")
    parser.add_argument("--recipe", choices=(f"{NAME}-free", NAME), default=f"{NAME}-free")
    parser.add_argument("--stage", choices=("stack", "indices", "texture"))
    parser.add_argument("--cpu-minutes", type=float, default=0.0, help="stop a stage at so many, in all its runs")
    parser.add_argument("--export", type=Path, help="a folder that gets the weights")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    recipe, stages = recipe_of(find_recipe(arguments.recipe), arguments.stage, dict(arguments.settings))
    where = Settings(arguments.data, arguments.out, init=arguments.init, export=arguments.export, force=True)
    run = LimitedRun(recipe, where, Ranks(), torch.device("cpu"), lambda stage, spent, words: None)
    run.cpu_minutes = arguments.cpu_minutes
    family = HqaPerceptualRun(run)
    for stage in stages:
        run.train_stage(stage, family)
    if arguments.export:
        for path in family.export():
            print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
