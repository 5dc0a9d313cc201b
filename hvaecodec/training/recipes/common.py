"""What every recipe is made of: frozen dataclasses, so that a misspelt field is an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LoopConfig:
    """AdamW with warm-up, then a cosine to `floor` over the budget: `steps` if given, else `minutes` of wall clock.

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
    """One run of the loop. start: the earlier stage, or "init", whose weights it begins with."""

    name: str
    task: Any  # a frozen dataclass of the family's own
    loop: LoopConfig
    share: float = 1.0  # of the recipe's budget
    start: str = ""


@dataclass(frozen=True)
class Recipe:
    """Stages in order, of one family of `run.FAMILIES`.

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
        return next(stage for stage in self.stages if stage.name == name)


Maker = Callable[[str, str], Recipe]  # name, preset -> recipe


def as_dict(made: Recipe) -> dict[str, Any]:
    """A recipe as JSON has it: lists for tuples."""
    return _listed(dataclasses.asdict(made))


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(part) for key, part in value.items()}
    return [_listed(part) for part in value] if isinstance(value, list | tuple) else value
