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
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="As in dct-vae-photo; docs/TRAINING.md lists all.")],
    *,
    data: Annotated[Path, typer.Option(help="Folder with the photo packs, or with pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs; a run that it holds is continued.")],
    preset: Annotated[
        str, typer.Option(help="cpu: hours on two cores; gpu: minutes on one large GPU; tiny: to try.")
    ] = "cpu",
    minutes: Annotated[float | None, typer.Option(help="Wall clock to train for, over all stages.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to train for instead, over all stages.")] = None,
    init: Annotated[Path | None, typer.Option(help="Weights to begin with: a file or a folder of them.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each process.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same run.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Folder for the weights and their card in the end.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace weights in the export folder.")] = False,
    debug: Debug = False,
) -> None:
    """Train the nets of a recipe, or go on where a run was interrupted, and export their weights.

    Several processes train one net under torchrun.
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
