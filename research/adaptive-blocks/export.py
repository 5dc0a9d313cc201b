"""Write a folder of weights from the averaged weights of both runs: both nets, the generator's curvature, the card.

    python research/adaptive-blocks/export.py PRIOR GENERATOR OUT --data DATA [--earlier WEIGHTS]

PRIOR and GENERATOR are folders with checkpoints, DATA holds the photo packs; `-` for one of them leaves that net as OUT has
it. WEIGHTS is the folder of exported weights that the runs began with, if they did: the card tells of its stages too. What
draws above temperature 0 in OUT, a texture or a perceptual generator, stays there and in the card, as going on top of the
new generator: it needs nothing of the one before.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from hvaecodec.codec.checkout import commit
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weights import OVERLAYS
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.training import card
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES, load_photos
from hvaecodec.training.photo.adaptation_basis import measure_basis
from hvaecodec.training.photo.export import (
    export_bitstream,
    export_curvature,
    export_generator,
    shape_tables_for,
    tables_for,
)
from hvaecodec.training.photo.searched_symbols import EncoderSearch
from hvaecodec.training.recipes.photo import PriorTraining
from hvaecodec.training.weights_file import order_metadata

CODEC = "dct-vae-photo"
KEPT = Path("-")
_OF_FILES = ("file", "bytes", "sha256")


def training_of(folder: Path, recipe: str, net: Any, data: Path, before: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the card says of the run in a folder. before: the stages of the weights that it began with."""
    checkpoint = load_checkpoint(folder)
    if checkpoint is None:
        raise FileNotFoundError(f"{folder} has no checkpoint")
    photos = card.data_and_terms(data, FREE_MORE_SOURCES)
    minutes = round(checkpoint.position.cpu_seconds / 60, 1)
    symbols = checkpoint.run.get("symbols", "plain")
    stage = {"steps": checkpoint.position.step, "cpu_minutes": minutes, "symbols": symbols, "net": asdict(net)}
    head = {"recipe": recipe, "preset": "cpu", "seed": 0, "commit": commit(), "stages": [*before, stage]}
    return head | {"data": photos, "licence": card.licence(photos, FREE_MORE_SOURCES)}


def move_overlays(out: Path, base: str) -> dict[str, dict[str, Any]]:
    """Put what draws in OUT on top of a generator, given by its digest; return what the card says of it, if it is there."""
    old, parts = out / card.CARD, {}
    entries = json.loads(old.read_text(encoding="utf-8"))["parts"] if old.is_file() else {}
    for kind in OVERLAYS:
        if kind not in entries:
            continue
        path = out / entries[kind]["file"]
        overlay = read_weights(path)
        content = save(overlay.arrays, overlay.metadata | {"base": base})
        write_into_folder(path, order_metadata(content), force=True)
        about = {name: value for name, value in entries[kind].items() if name not in _OF_FILES}
        parts[kind] = card.part(path, about | {"base": base})
    return parts


def new_generator(
    arguments: argparse.Namespace, train: list[np.ndarray], before: list[dict[str, Any]]
) -> dict[str, Any]:
    """Export the averaged generator of a run, and return its part of the card and those of what is on top of it."""
    net = Generator()
    load_weights(net, arguments.generator / NAME)
    net.basis = measure_basis(net.requires_grad_(False), train, count=100, side=320)
    about = training_of(arguments.generator, f"{CODEC}-generator", net.config, arguments.data, before)
    entry = card.part(export_generator(net, arguments.out, force=True), about)
    return {"generator": entry} | move_overlays(arguments.out, entry["sha256"][:4])


def new_bitstream(
    arguments: argparse.Namespace, train: list[np.ndarray], before: list[dict[str, Any]]
) -> dict[str, Any]:
    """Export the averaged prior of a run, with tables for it, and return its part of the card."""
    prior = PriorNet()
    load_weights(prior, arguments.prior / NAME)
    search = EncoderSearch(arguments.search) if arguments.search else None
    tables = tables_for(prior, PriorTraining(), train, count=arguments.crops, search=search)
    about = training_of(arguments.prior, f"{CODEC}-prior", prior.config, arguments.data, before)
    shapes = shape_tables_for(train, arguments.batches)
    return {"bitstream": card.part(export_bitstream(prior, tables, shapes, arguments.out, force=True), about)}


def main() -> None:
    """Export one of the nets, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("prior", "generator", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=64, help="that the entropy tables are fitted on")
    parser.add_argument("--batches", type=int, default=64, help="of crops that the tables of shapes are fitted on")
    parser.add_argument("--search", type=Path, help="weights whose encoder chooses the symbols for entropy tables")
    parser.add_argument("--earlier", type=Path, help="the folder of exported weights that the runs began with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    out, earlier = arguments.out, arguments.earlier
    train, _ = load_photos(arguments.data, FREE_MORE_SOURCES)
    exports = {"generator": (arguments.generator, new_generator), "bitstream": (arguments.prior, new_bitstream)}
    parts: dict[str, dict[str, Any]] = {}
    for kind, (run, export) in exports.items():
        if run != KEPT:
            parts |= export(arguments, train, card.stages_of(earlier, kind) if earlier else [])
    card.write_card(out, CODEC, parts)
    export_curvature(out, train, count=8, side=256, seed=0, force=True)
    print(*sorted(path.name for path in out.iterdir()))


if __name__ == "__main__":
    main()
