"""Measure nets over chosen blocks against nets of undivided tiles, and append a line to a file of curves.

    python research/adaptive-blocks/evaluate.py CURVES --data DATA --prior PRIOR --generator GENERATOR

It takes 40 crops of 256 x 256 of the validation pack, rounded plainly; the bits of the shapes are counted. PRIOR and
GENERATOR are folders with checkpoints; one may be left out. The curve of undivided tiles on the same crops, at 17 step
indices, is in `undivided.json`: step index, bits per pixel, dB of the context and of the generator. `rate_at_equal_db`
is the number that matters.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.models.photo.shape_contexts import ShapeTables, shape_bits
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES, corners, load_photos
from hvaecodec.training.photo.coding import blocks_of, code_plainly
from hvaecodec.training.photo.export import shape_tables_for
from hvaecodec.training.place import Place
from hvaecodec.training.validation import psnr_db

STEP_INDICES = (100, 232, 320, 400, 480, 560, 640, 720)
DELTA = step_table()
UNDIVIDED = Path(__file__).with_name("undivided.json")


def measure_point(
    x: Tensor, i: int, nets: tuple[PriorNet | None, Generator | None], shapes: ShapeTables, old: np.ndarray
) -> dict[str, float]:
    """Return what the nets there are do at a step index, also relative to the curve of undivided tiles."""
    prior, net = nets
    index_of, bpp_of, context_of, db_of = old.T
    step_index = torch.full((len(x),), i)
    coded = code_plainly(x, DELTA[step_index])
    row = {"context_db": psnr_db(coded.dequantised, x)}
    row["shapes_bpp"] = sum(shape_bits(shapes, i, maps.numpy()) for maps in coded.shapes) / x[:, 0].numel()
    if net is not None:
        with Place().autocast():
            y = net(coded.dequantised, coded.shapes, step_index)
        row["db"] = psnr_db(y, x)
        row["db_over_shipped_at_step"] = row["db"] - float(np.interp(i, index_of, db_of))
    if prior is not None:
        coefficients, maps = blocks_of(x, DELTA[i])
        bits = float(torch.stack(prior.bits(torch.round(coefficients / DELTA[i]), step_index, maps)).sum())
        row["bpp"] = bits / x[:, 0].numel() + row["shapes_bpp"]
        logarithm = np.log(bpp_of)
        for name, at, known in (
            ("bpp_over_shipped_at_step", i, index_of),
            ("rate_at_equal_context_db", row["context_db"], context_of),
            *([("rate_at_equal_db", row["db"], db_of)] if net is not None else []),
        ):
            row[name] = row["bpp"] / float(np.exp(np.interp(at, known, logarithm))) - 1
    return {name: round(value, 4) for name, value in row.items()}


def load_nets(
    prior_folder: Path | None, generator_folder: Path | None
) -> tuple[tuple[PriorNet | None, Generator | None], dict[str, Any]]:
    """Return the averaged nets of checkpoints, and how far their training is."""
    prior = net = None
    about: dict[str, Any] = {}
    if prior_folder is not None:
        prior = PriorNet()
        load_weights(prior, prior_folder / NAME)
        prior.rounding = True
    if generator_folder is not None:
        net = Generator()
        load_weights(net, generator_folder / NAME)
    for name, folder in (("prior", prior_folder), ("generator", generator_folder)):
        checkpoint = None if folder is None else load_checkpoint(folder)
        if checkpoint is not None:
            about[f"{name}_cpu_h"] = round(checkpoint.position.cpu_seconds / 3600, 3)
            about[f"{name}_steps"] = checkpoint.position.step
    return (prior, net), about


def main() -> None:
    """Append the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    for name in ("prior", "generator"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--note", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, valid = load_photos(arguments.data, FREE_MORE_SOURCES)
    x = corners(valid[:40], 256)
    old = np.array(json.loads(UNDIVIDED.read_text()))
    with torch.no_grad():
        nets, about = load_nets(arguments.prior, arguments.generator)
        shapes = shape_tables_for(train, 64)
        rows = {f"{float(DELTA[i]):.1f}": measure_point(x, i, nets, shapes, old) for i in STEP_INDICES}
    with arguments.curves.open("a") as file:
        file.write(json.dumps({"note": arguments.note} | about | {"steps": rows}) + "\n")
    for step, row in rows.items():
        print(step, row)


if __name__ == "__main__":
    main()
