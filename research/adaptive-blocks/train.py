"""Train the prior or the generator for as long as it is left to run; resumable.

    python research/adaptive-blocks/train.py prior FOLDER --data DATA [KEY=VALUE ...]

KEY=VALUE sets fields of `LoopConfig`. DATA holds the photo packs, of which those under free licences are read. A folder
with a checkpoint is gone on with; otherwise the net begins from scratch.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hvaecodec.training.checkpoint import NAME, Position
from hvaecodec.training.data import FREE_MORE_SOURCES, Photos, load_photos
from hvaecodec.training.loop import Loop, Moment
from hvaecodec.training.photo.generator_task import GeneratorTask
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.photo import GeneratorTraining, PriorTraining

VALID = 10  # pictures: a validation at every checkpoint is to be cheap; evaluate.py has more
LOOP = LoopConfig(minutes=2880, schedule="constant", save_minutes=5, log_every=50, warm_up=100, ema=0.999)


class LimitedLoop(Loop):
    """Stops at a checkpoint when so many minutes of processor time are spent; 0 for no limit."""

    cpu_minutes = 0.0

    def _now(self, saved: Position) -> tuple[Moment, bool]:
        moment, save = super()._now(saved)
        if self.cpu_minutes and self.position.cpu_seconds >= 60 * self.cpu_minutes:
            self._save()
            sys.exit(0)
        return moment, save


def make_task(kind: str, photos: Photos, folder: Path) -> PriorTask | GeneratorTask:
    """Return the task; a prior whose folder has no checkpoint begins with fitted linear predictions."""
    if kind == "generator":
        return GeneratorTask(GeneratorTraining(), photos)
    prior = PriorTask(PriorTraining(), photos)
    if not (folder / NAME).exists():
        prior.fit_linear()
    return prior


def setting(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE, the value as JSON or as it is."""
    key, value = text.split("=", 1)
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def main() -> None:
    """Train until the budget is spent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["prior", "generator"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("settings", nargs="*", type=setting)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cpu-minutes", type=float, default=0.0)
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    photos = load_photos(arguments.data, FREE_MORE_SOURCES)
    photos = Photos(photos.train, photos.valid[:VALID])
    task = make_task(arguments.kind, photos, arguments.folder)
    config = replace(LOOP, **dict(arguments.settings))
    loop = LimitedLoop(task, config, arguments.folder, run={"kind": arguments.kind})
    loop.cpu_minutes = arguments.cpu_minutes
    loop.train()


if __name__ == "__main__":
    main()
