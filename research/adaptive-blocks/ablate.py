"""Train a net with one part of it taken away, to see what that part is worth; resumable.

    python research/adaptive-blocks/ablate.py train ARM FOLDER [KEY=VALUE ...] --data DATA [--init WEIGHTS] [--seed 0] \\
        [--cpu-minutes 15] [--all-sources]
    python research/adaptive-blocks/ablate.py table FOLDER ...
    python research/adaptive-blocks/ablate.py pairs PRIOR GENERATOR [PRIOR GENERATOR ...] --data DATA

ARM names the net and what it lacks:

- `prior`, `generator`: nothing, to compare with
- `prior-whole-bands`: the second half of a band does not see the first
- `prior-undivided`, `generator-undivided`: every tile is one block of 32 x 32
- `generator-shapes-unseen`: blocks are chosen, and the generator is not told which

Symbols are plainly rounded. KEY=VALUE sets fields of `LoopConfig`, such as the optimiser; --cpu-minutes is a budget of
processor time. WEIGHTS is a folder of exported weights to begin with; without them a net begins from scratch.
--all-sources trains on every photo of the packs, not on those under free licences alone.

`table` prints what the last validation of each folder says, on forty crops: bits per pixel of a prior without those of
the shapes, dB of a generator at temperature 0 above its context and in all. `pairs` measures priors and generators
together as `evaluate.py` does, the bits of the shapes counted, and prints the BD-rate of every pair against the first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from evaluate import STEP_INDICES, UNDIVIDED, load_nets, measure_point
from torch import Tensor
from train import LOOP

from hvaecodec.bench.show.curves import Curve, bd_rate
from hvaecodec.models.photo import generator, prior_walk
from hvaecodec.models.photo.shape_maps import shape_maps
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES, Photos, corners, load_photos
from hvaecodec.training.limited_loop import LimitedLoop, setting
from hvaecodec.training.photo import coding, export
from hvaecodec.training.photo.export import shape_tables_for
from hvaecodec.training.photo.generator_task import GeneratorTask
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.place import Place
from hvaecodec.training.recipes.photo import GeneratorTraining, PriorTraining

VALID = 40


def joined_without_first(known: prior_walk.Known, a: Any, rows: slice = slice(None)) -> Tensor:
    """Do what `Known.joined` does, with zeros in the place of a band's first half."""
    first = None if known.first is None else torch.zeros_like(known.first)
    return JOINED(known._replace(first=first), a, rows)


def undivided(ycc: Tensor, step: Tensor) -> Tensor:
    """Return the maps of tiles that are one block each, in the place of `partition.choose_shapes`."""
    return torch.zeros(len(ycc), 2, ycc.shape[2] // 16, ycc.shape[3] // 16, dtype=torch.int64)


def unseen(shapes: Tensor, fold: int) -> Tensor:
    """Return the shape maps of undivided tiles, whatever the shapes are."""
    return shape_maps(torch.zeros_like(shapes), fold)


JOINED = prior_walk.Known.joined
LACKS = {
    "": (),
    "whole-bands": ((prior_walk.Known, "joined", joined_without_first),),
    "undivided": ((coding, "choose_shapes", undivided), (export, "choose_shapes", undivided)),
    "shapes-unseen": ((generator, "shape_maps", unseen),),
}
ARMS = (
    *("prior", "prior-whole-bands", "prior-undivided"),
    *("generator", "generator-undivided", "generator-shapes-unseen"),
)


@contextmanager
def without(*arms: str) -> Iterator[None]:
    """Take away what arms lack."""
    with ExitStack() as stack:
        for where, name, instead in {part for arm in arms for part in LACKS[arm.partition("-")[2]]}:
            stack.enter_context(patch.object(where, name, instead))
        yield


def make_task(kind: str, photos: Photos, place: Place, init: Path | None) -> PriorTask | GeneratorTask:
    """Return the task of a net that begins with exported weights, or from scratch."""
    task: PriorTask | GeneratorTask
    task = (
        PriorTask(PriorTraining(), photos, place)
        if kind == "prior"
        else GeneratorTask(GeneratorTraining(), photos, place)
    )
    if init is not None:
        load_weights(task.net, init)
    elif isinstance(task, PriorTask):
        task.fit_linear()
    return task


def train(arguments: argparse.Namespace) -> None:
    """Train an arm until its budget is spent."""
    kind = arguments.arm.partition("-")[0]
    photos = load_photos(arguments.data, None if arguments.all_sources else FREE_MORE_SOURCES)
    photos = Photos(photos.train, photos.valid[:VALID])
    with without(arguments.arm):
        fresh = not (arguments.folder / NAME).exists()
        task = make_task(kind, photos, Place(seed=arguments.seed), arguments.init if fresh else None)
        config = replace(LOOP, **dict(arguments.settings))
        run = {"arm": arguments.arm, "seed": arguments.seed, "all_sources": arguments.all_sources}
        loop = LimitedLoop(task, config, arguments.folder, run=run)
        loop.cpu_minutes = arguments.cpu_minutes
        loop.train()


def table(folders: list[Path]) -> None:
    """Print the last validation of every folder."""
    for folder in folders:
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        last = [line for line in lines if "valid" in line][-1]
        row = [
            f"{point['est_bpp']:.4f}" if "est_bpp" in point else f"{point['gain_db']:.3f} ({point['psnr_db']:.2f})"
            for point in last["valid"].values()
        ]
        print(f"{folder.name}: {last['step']} steps, {last['cpu_seconds'] / 60:.0f} min: " + ", ".join(row))


@torch.no_grad()
def pairs(folders: list[Path], data: Path) -> None:
    """Print the BD-rate of every pair of a prior's and a generator's folder against the first pair."""
    photos, curves = load_photos(data, FREE_MORE_SOURCES), []
    x, old = corners(photos.valid[:VALID], 256), np.array(json.loads(UNDIVIDED.read_text(encoding="utf-8")))
    for pair in zip(folders[::2], folders[1::2], strict=True):
        arms = [arm_of(folder) for folder in pair]
        with without(*arms):
            tables = shape_tables_for(photos.train, 64)
            nets, _ = load_nets(*pair)
            rows = [measure_point(x, i, nets, tables, old) for i in STEP_INDICES]
        bpp, db = (tuple(row[key] for row in rows) for key in ("bpp", "db"))
        curves.append(Curve(" and ".join(arms), "psnr", bpp, db))
        points = ", ".join(f"{rate:.4f} {value:.2f}" for rate, value in zip(bpp, db, strict=True))
        print(f"{curves[-1].name}: {bd_rate(curves[0], curves[-1]).percent:+.2f} %, bpp and dB {points}", flush=True)


def arm_of(folder: Path) -> str:
    """Return the arm of a folder's run."""
    checkpoint = load_checkpoint(folder)
    assert checkpoint is not None, f"no checkpoint in {folder}"
    return str(checkpoint.run["arm"])


def main() -> None:
    """Train, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    trained = commands.add_parser("train")
    trained.add_argument("arm", choices=ARMS)
    trained.add_argument("folder", type=Path)
    trained.add_argument("settings", nargs="*", type=setting)
    trained.add_argument("--data", type=Path, required=True)
    trained.add_argument("--cpu-minutes", type=float, default=0.0)
    trained.add_argument("--init", type=Path)
    trained.add_argument("--seed", type=int, default=0)
    trained.add_argument("--all-sources", action="store_true")
    shown = commands.add_parser("table")
    shown.add_argument("folders", type=Path, nargs="+")
    paired = commands.add_parser("pairs")
    paired.add_argument("folders", type=Path, nargs="+")
    paired.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.command == "train":
        train(arguments)
    elif arguments.command == "pairs":
        pairs(arguments.folders, arguments.data)
    else:
        table(arguments.folders)


if __name__ == "__main__":
    main()
