"""Train the prior or the generator for as long as it is left to run; resumable.

    python research/adaptive-blocks/train.py prior FOLDER --data DATA [--init FOLDER] [--search WEIGHTS] [KEY=VALUE ...]

KEY=VALUE sets fields of `LoopConfig`. DATA holds the photo packs, of which those under free licences are read. A folder
with a checkpoint is gone on with; otherwise the net begins from scratch.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES, Photos, load_photos
from hvaecodec.training.limited_loop import LimitedLoop, setting
from hvaecodec.training.photo.generator_task import GeneratorTask
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.photo.searched_symbols import EncoderSearch
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.photo import GeneratorTraining, PoolConfig, PriorTraining, Symbols

VALID = 10  # pictures: a validation at every checkpoint is to be cheap; evaluate.py has more
LOOP = LoopConfig(minutes=2880, schedule="constant", save_minutes=5, log_every=50, warm_up=100, ema=0.999)


# Searching costs most of a step. What a prior sees two dozen times it knows by heart; a generator is slower to.
POOLS = {"prior": PoolConfig(32, 8, 4), "generator": PoolConfig(96, 4, 6)}


def make_task(kind: str, photos: Photos, arguments: argparse.Namespace) -> PriorTask | GeneratorTask:
    """Return the task.

    Where the folder has no checkpoint it begins with the weights of --init, or a prior with fitted linear predictions.
    """
    search = EncoderSearch(arguments.search, arguments.share) if arguments.search else None
    symbols: Symbols = "searched" if search else "plain"
    pool = replace(POOLS[kind], uses=arguments.uses or POOLS[kind].uses)
    task: PriorTask | GeneratorTask
    if kind == "generator":
        task = GeneratorTask(GeneratorTraining(symbols=symbols, pool=pool), photos, search=search)
    else:
        uses = 1 if search else PriorTraining().uses
        task = PriorTask(PriorTraining(symbols=symbols, uses=uses, pool=pool), photos, search=search)
    if not (arguments.folder / NAME).exists():
        if arguments.init:
            load_weights(task.net, arguments.init)
        elif isinstance(task, PriorTask):
            task.fit_linear()
    return task


def main() -> None:
    """Train until the budget is spent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["prior", "generator"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("settings", nargs="*", type=setting)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cpu-minutes", type=float, default=0.0)
    parser.add_argument("--init", type=Path, help="a folder with the checkpoint or exported weights to begin with")
    parser.add_argument("--search", type=Path, help="weights whose encoder chooses the symbols, at efforts 1 and 2")
    parser.add_argument("--share", type=float, default=0.6, help="of the pictures that effort 2 is for")
    parser.add_argument("--uses", type=int, help="how often searched symbols are drawn before others take their place")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    photos = load_photos(arguments.data, FREE_MORE_SOURCES)
    photos = Photos(photos.train, photos.valid[:VALID])
    task = make_task(arguments.kind, photos, arguments)
    config = replace(LOOP, **dict(arguments.settings))
    loop = LimitedLoop(task, config, arguments.folder, run={"kind": arguments.kind, "symbols": task.config.symbols})
    loop.cpu_minutes = arguments.cpu_minutes
    loop.train()


if __name__ == "__main__":
    main()
