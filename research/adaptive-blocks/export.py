"""Write the averaged weights of both runs: the generator in half precision, the prior as exact integers with tables.

    python research/adaptive-blocks/export.py PRIOR GENERATOR OUT --data DATA

PRIOR and GENERATOR are folders with checkpoints, DATA holds the photo packs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.training.checkpoint import NAME, load_weights
from hvaecodec.training.data import FREE_MORE_SOURCES, load_photos
from hvaecodec.training.photo.export import export_bitstream, export_generator, shape_tables_for, tables_for
from hvaecodec.training.recipes.photo import PriorTraining


def main() -> None:
    """Export both nets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("prior", "generator", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=64, help="that the entropy tables are fitted on")
    parser.add_argument("--batches", type=int, default=64, help="of crops that the tables of shapes are fitted on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, _ = load_photos(arguments.data, FREE_MORE_SOURCES)
    net = Generator()
    load_weights(net, arguments.generator / NAME)
    print(export_generator(net, arguments.out, force=True))
    prior = PriorNet()
    load_weights(prior, arguments.prior / NAME)
    tables = tables_for(prior, PriorTraining(), train, count=arguments.crops)
    shapes = shape_tables_for(train, arguments.batches)
    print(export_bitstream(prior, tables, shapes, arguments.out, force=True))


if __name__ == "__main__":
    main()
