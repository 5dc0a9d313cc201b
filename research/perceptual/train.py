"""Train the perceptual generator of `dct-vae-photo`; resumable.

    python research/perceptual/train.py FOLDER --data DATA --init GENERATOR --search WEIGHTS [KEY=VALUE ...]

KEY=VALUE sets fields of `PerceptualTraining` or `LoopConfig`. DATA holds the photo packs, of which those under free
licences are read. GENERATOR is a checkpoint or a file of the first generator, WEIGHTS the folder of the codec whose
encoder chooses the symbols. --begin names the folder of an earlier run, whose averaged net and critic a new one begins
with: for other settings, such as the cosine of its last part. It may also name the file of an exported perceptual
generator, which has no critic: a new one learns from the start. A folder with a checkpoint is gone on with; GENERATOR is
needed then too, for it makes the pictures that the critic sees. LPIPS needs its weights, see docs/METRICS.md.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import torch

from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.models.photo.generator import Generator
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES, load_photos
from hvaecodec.training.limited_loop import LimitedLoop, setting
from hvaecodec.training.perceptual.perceptual_task import PerceptualTask
from hvaecodec.training.recipes import LoopConfig, find_recipe
from hvaecodec.training.recipes.perceptual import NAME as RECIPE
from hvaecodec.training.recipes.perceptual import PerceptualTraining


def begin_with(task: PerceptualTask, run: Path) -> None:
    """Give a task the averaged net and the critic of a run, or the net of an exported file.

    Raises FileNotFoundError if a run has no checkpoint.
    """
    if run.is_file():
        load_weights(task.net, run)
        return
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint")
    load_weights(task.net, run / NAME)
    task.load_state(checkpoint.part("task.0."))


def configs(settings: dict[str, Any]) -> tuple[PerceptualTraining, LoopConfig]:
    """Return the configurations of task and loop; a field that neither has is an error."""
    names = {field.name for field in dataclasses.fields(PerceptualTraining)}
    (stage,) = find_recipe(f"{RECIPE}-free").stages
    task = {key: value for key, value in settings.items() if key in names}
    loop = {key: value for key, value in settings.items() if key not in names}
    return dataclasses.replace(stage.task, **task), dataclasses.replace(stage.loop, **loop)


def main() -> None:
    """Train until the budget is spent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("settings", nargs="*", type=setting)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True, help="a folder with the first generator")
    parser.add_argument("--search", type=Path, required=True, help="weights whose encoder chooses the symbols")
    parser.add_argument("--begin", type=Path, help="the run whose net and critic this one begins with, or a file")
    parser.add_argument("--cpu-minutes", type=float, default=0.0)
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    config, loop_config = configs(dict(arguments.settings))
    smooth = Generator()
    load_weights(smooth, arguments.init)
    weights = DctVaeCodec.load(arguments.search).weights
    photos = load_photos(arguments.data, FREE_MORE_SOURCES)
    task = PerceptualTask(config, weights, smooth, photos, loop=loop_config)
    if arguments.begin and not (arguments.folder / NAME).exists():
        begin_with(task, arguments.begin)
    loop = LimitedLoop(task, loop_config, arguments.folder, run={"task": dataclasses.asdict(config)})
    loop.cpu_minutes = arguments.cpu_minutes
    loop.train()


if __name__ == "__main__":
    main()
