"""What every recipe is made of: frozen dataclasses, so that a misspelt field is an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LoopConfig:
    """The loop takes steps of AdamW, with a warm-up, then along a cosine down to `floor` over the budget.

    The budget is `steps` if they are given, else `minutes` of wall clock. warm_up: steps. ema: decay of the average.

    compiled: fuse the loss with torch.compile where the machine can; minutes before the first step, less for each.
    """

    minutes: float = 90
    steps: int | None = None
    learning_rate: float = 1e-3
    floor: float = 0.02
    warm_up: int = 200
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    save_minutes: float = 7
    log_every: int = 200
    bf16: bool = True
    channels_last: bool = False
    compiled: bool = False
    workers: int = 0  # threads that make batches ahead


@dataclass(frozen=True)
class Stage:
    """A stage is one run of the loop. start: the earlier stage, or "init", whose weights it begins with."""

    name: str
    task: Any  # a frozen dataclass of the family's own
    loop: LoopConfig
    share: float = 1.0  # of the recipe's budget
    start: str = ""


@dataclass(frozen=True)
class Recipe:
    """A recipe has stages in order, of one family of `run.FAMILIES`.

    sources: only these of the photo packs. count_crops: crops that stored tables are fitted on.
    """

    name: str
    preset: str
    stages: tuple[Stage, ...]
    family: str = "dct-vae"
    sources: tuple[str, ...] | None = None
    needs_init: bool = False
    count_crops: int = 256

    def stage(self, name: str) -> Stage:
        """Return the stage with this name; StopIteration if there is none."""
        return next(stage for stage in self.stages if stage.name == name)


Maker = Callable[[str, str], Recipe]  # name, preset -> recipe


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON has it: lists for tuples."""
    return _with_lists(dataclasses.asdict(recipe))


def _with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_lists(part) for key, part in value.items()}
    return [_with_lists(part) for part in value] if isinstance(value, list | tuple) else value
