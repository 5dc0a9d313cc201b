"""What is trained, how and for how long: recipes by name. Each family has a module here and a run in `run.FAMILIES`."""

from __future__ import annotations

import difflib
import math
from dataclasses import replace

from hvaecodec.training.recipes import (
    classifiers,
    hqa,
    hqa_faces,
    hqa_perceptual,
    hqa_photo,
    hqa_sampler,
    perceptual,
    photo,
    srvae,
    texture,
    vdvae,
)
from hvaecodec.training.recipes.common import LoopConfig, Maker, Recipe, Stage, as_dict

__all__ = ["RECIPES", "LoopConfig", "Recipe", "Stage", "as_dict", "find_recipe"]

PRESETS = ("cpu", "gpu", "tiny")  # every family has these
RECIPES: dict[str, Maker] = (
    photo.RECIPES
    | classifiers.RECIPES
    | hqa.RECIPES
    | hqa_faces.RECIPES
    | hqa_perceptual.RECIPES
    | hqa_photo.RECIPES
    | hqa_sampler.RECIPES
    | perceptual.RECIPES
    | srvae.RECIPES
    | texture.RECIPES
    | vdvae.RECIPES
)


def find_recipe(name: str, preset: str = "cpu", minutes: float | None = None, steps: int | None = None) -> Recipe:
    """Return a recipe by its name. minutes, steps: a budget in place of its own, divided among its stages.

    Raises ValueError for an unknown name or preset, and for a budget that is none.
    """
    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(RECIPES)}"
        raise ValueError(f"no recipe {name!r}; {hint}")
    if preset not in PRESETS:
        raise ValueError(f"no preset {preset!r}; known are {', '.join(PRESETS)}")
    if minutes is not None and steps is not None:
        raise ValueError("give one of minutes and steps, not both")
    if minutes is not None and not 0 < minutes < math.inf:
        raise ValueError(f"minutes are a number above 0, not {minutes}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps are at least 1, not {steps}")
    recipe = RECIPES[name](name, preset)
    return replace(recipe, stages=tuple(_with_budget(stage, minutes, steps) for stage in recipe.stages))


def _with_budget(stage: Stage, minutes: float | None, steps: int | None) -> Stage:
    if steps is not None:
        return replace(stage, loop=replace(stage.loop, steps=max(1, round(steps * stage.share))))
    if minutes is not None:
        return replace(stage, loop=replace(stage.loop, minutes=minutes * stage.share, steps=None))
    return stage
