"""`hvaecodec train` makes the weights of a codec."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hvaecodec.cli.bars import stage_bars
from hvaecodec.cli.console import Debug, errors, say
from hvaecodec.cli.long_work import keep_pages

EXAMPLES = """
hvaecodec train dct-vae-photo --data DATA --out runs/photo --export runs/photo-weights
hvaecodec train dct-vae-photo --data DATA --out runs/try --preset tiny --steps 8
torchrun --nproc-per-node 2 -m hvaecodec train dct-vae-photo --data DATA --out runs/two
"""


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="What to train, as in dct-vae-photo; docs/TRAINING.md lists all recipes."
        ),
    ],
    *,
    data: Annotated[Path, typer.Option(help="Folder with the photo packs, or with any pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs; an interrupted run in it is continued.")],
    preset: Annotated[
        str,
        typer.Option(
            help="Sizes and budget. cpu: hours on two cores; gpu: minutes on one large GPU; tiny: only to try."
        ),
    ] = "cpu",
    minutes: Annotated[float | None, typer.Option(help="Time to train for, over all stages.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Number of steps to train for, over all stages, instead of a time.")
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Weights to start with: a file, or a folder of such files.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads of each process.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The random seed; the same seed gives the same run.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Folder for the trained weights and their model card.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace weights that exist in the export folder.")] = False,
    debug: Debug = False,
) -> None:
    """Train the networks of a recipe and export their weights; an interrupted run is continued.

    Under torchrun, several processes train together.
    """
    with errors(debug):
        from hvaecodec.codec.backends import require_torch

        require_torch("training")
        keep_pages()
        import torch

        from hvaecodec.training import run as training_run
        from hvaecodec.training.recipes import find_recipe

        chosen = find_recipe(recipe, preset, minutes, steps)
        if threads is not None:
            torch.set_num_threads(threads)
        settings = training_run.Settings(data, out, seed, init, export, force)
        with stage_bars() as report:
            written = training_run.train_recipe(chosen, settings, report)
        if int(os.environ.get("RANK", 0)) == 0:
            say(f"trained: {out}" + (f"; written: {', '.join(map(str, written))}" if written else ""))
