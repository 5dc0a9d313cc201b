"""Write a trained perceptual generator into a folder of weights of `dct-vae-photo`, and into its card.

    python research/perceptual/export.py RUN WEIGHTS --data DATA [--earlier RUN ...] [--share 1]

RUN is the folder that `train.py` trained in; its averaged weights are taken. The net goes on top of the generator in
WEIGHTS, whichever it began with, for it needs nothing of it. DATA holds the photo packs, whose terms the card names. A
texture in WEIGHTS stays, unless its file is removed before. The runs that RUN began with, in their order, are named in
the card too, so that it tells the whole time of training. Where the first of them began with an exported net, the folder
of that net's weights is named before it.

With a --share below 1 only that part of every weight is the run's; the rest is that of the net that WEIGHTS has, with
which RUN should have begun: between nets that lie so near weights may be averaged.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hvaecodec.codec.checkout import commit
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.weights import PERCEPTUAL
from hvaecodec.models.photo.generator import Generator
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, Checkpoint, load_checkpoint, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES
from hvaecodec.training.perceptual.perceptual_run import KIND, LOSSES, perceptual_bytes
from hvaecodec.training.recipes import perceptual
from hvaecodec.training.weights_file import order_metadata


def mix(net: Generator, file: Path, share: float) -> None:
    """Move the weights of a net towards those of an exported one, until `share` of its own is left."""
    other = Generator(net.config)
    load_weights(other, file)
    with torch.no_grad():
        for weight, theirs in zip(net.parameters(), other.parameters(), strict=True):
            weight.lerp_(theirs, 1 - share)


def checkpoint_of(run: Path) -> Checkpoint:
    """Return the checkpoint in a folder. Raises FileNotFoundError without one."""
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint")
    return checkpoint


def stage_of(run: Path) -> dict[str, Any]:
    """Return what the card says of how long a run was, and of its settings."""
    checkpoint = checkpoint_of(run)
    minutes = round(checkpoint.position.cpu_seconds / 60, 1)
    return {"steps": checkpoint.position.step, "cpu_minutes": minutes, "training": checkpoint.run["task"]}


def stages_in(folder: Path) -> list[dict[str, Any]]:
    """Return the stages of a folder: the one of a run, or those that a card tells of exported weights."""
    return card.stages_of(folder, KIND) if (folder / card.CARD).is_file() else [stage_of(folder)]


def training_of(runs: Sequence[Path], data: Path) -> dict[str, Any]:
    """Return what the card says of runs that began with each other. Raises FileNotFoundError without a checkpoint."""
    photos = card.data_and_terms(data, FREE_MORE_SOURCES)
    head = {"recipe": f"{perceptual.NAME}-free", "preset": "cpu", "seed": 0, "commit": commit()}
    head |= {"stages": [stage for run in runs for stage in stages_in(run)], **checkpoint_of(runs[-1]).about}
    return head | {"losses": list(LOSSES), "data": photos, "licence": card.licence(photos, FREE_MORE_SOURCES)}


def main() -> None:
    """Export the net."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the run's net; the rest is the one in WEIGHTS")
    parser.add_argument("--earlier", type=Path, nargs="+", default=[], help="what RUN began with, in their order")
    arguments = parser.parse_args()
    codec = DctVaeCodec.load(arguments.weights)
    base = codec.generators.base(codec.generators.newest, "texture", KIND)
    net = Generator(replace(codec.generators.get(base).config, encoder=0))
    load_weights(net, arguments.run / NAME)
    if arguments.share < 1:
        mix(net, arguments.weights / PERCEPTUAL, arguments.share)
    content = order_metadata(perceptual_bytes(net, base))
    path = write_into_folder(arguments.weights / PERCEPTUAL, content, force=True)
    training = {"base": base.hex()} | training_of([*arguments.earlier, arguments.run], arguments.data)
    training["stages"][-1] |= {"share": arguments.share} if arguments.share < 1 else {}
    card.write_card(arguments.weights, codec.name, {KIND: card.part(path, training)})
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
