"""Write a trained perceptual generator into a folder of weights of `dct-vae-photo`, and into its card.

    python research/perceptual/export.py RUN WEIGHTS --data DATA

RUN is the folder that `train.py` trained in; its averaged weights are taken. The net goes on top of the generator in
WEIGHTS, whichever it began with, for it needs nothing of it. DATA holds the photo packs, whose terms the card names. A
texture in WEIGHTS stays, unless its file is removed before.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.weights import PERCEPTUAL
from hvaecodec.models.photo.generator import Generator
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES
from hvaecodec.training.perceptual.perceptual_run import KIND, LOSSES, perceptual_bytes
from hvaecodec.training.recipes import perceptual
from hvaecodec.training.weights_file import order_metadata


def training_of(run: Path, data: Path) -> dict[str, Any]:
    """Return what the card says of the run in a folder. Raises FileNotFoundError without a checkpoint."""
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint")
    photos = card.data_and_terms(data, FREE_MORE_SOURCES)
    head = {"recipe": f"{perceptual.NAME}-free", "preset": "cpu", "seed": 0, "commit": card.commit()}
    head |= {"training": checkpoint.run["task"], "steps": checkpoint.position.step}
    head |= {"cpu_minutes": round(checkpoint.position.cpu_seconds / 60, 1), **checkpoint.about}
    return head | {"losses": list(LOSSES), "data": photos, "licence": card.licence(photos, FREE_MORE_SOURCES)}


def main() -> None:
    """Export the net."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    codec = DctVaeCodec.load(arguments.weights)
    base = codec.generators.base(codec.generators.newest, "texture", KIND)
    net = Generator(replace(codec.generators.get(base).config, encoder=0))
    load_weights(net, arguments.run / NAME)
    content = order_metadata(perceptual_bytes(net, base))
    path = write_into_folder(arguments.weights / PERCEPTUAL, content, force=True)
    training = {"base": base.hex()} | training_of(arguments.run, arguments.data)
    card.write_card(arguments.weights, codec.name, {KIND: card.part(path, training)})
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
