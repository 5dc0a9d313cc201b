"""What every recipe is made of: frozen dataclasses, so that a misspelt field is an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

# Fields of `LoopConfig` that came after records had been made. At these defaults they say nothing new, so the stamps of
# records and the identity of a run leave them out.
LATER_FIELDS = {"schedule": "cosine", "optimiser": "adamw", "every": 10, "gather": 5}


@dataclass(frozen=True)
class LoopConfig:
    """The loop takes steps of an optimiser, with a warm-up, then along a cosine down to `floor` over the budget.

    The budget is `steps` if they are given, else `minutes` of wall clock. warm_up: steps. ema: decay of the average.

    schedule: "constant" stays at the peak, for runs whose end is not known; their averaged weights are what counts.
    optimiser: see `hvaecodec.training.optimisers`; SOAP makes its bases anew every `every` steps and looks
    at the moments that they come from every `gather` steps.

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
    schedule: Literal["cosine", "constant"] = "cosine"
    optimiser: Literal["adamw", "soap", "muon"] = "adamw"
    every: int = 10
    gather: int = 5

    def __repr__(self) -> str:
        """Return what a dataclass would, without the `LATER_FIELDS` at their defaults."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        parts = [f"{name}={value!r}" for name, value in values.items() if not says_nothing(name, value)]
        return f"LoopConfig({', '.join(parts)})"


def says_nothing(name: str, value: object) -> bool:
    """Return whether a field of a loop came later than the first records and has its default."""
    return name in LATER_FIELDS and value == LATER_FIELDS[name]


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
