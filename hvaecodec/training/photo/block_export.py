"""Weights over chosen blocks as a file: the prior's integers, entropy tables, tables of shapes, steps.

The generator's file is that of `hvaecodec.training.photo.export.export_generator`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_arrays

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.photo.block_symbols import encode_block_symbols
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.dct import rgb_to_ycc
from hvaecodec.models.integers import fit_tables
from hvaecodec.models.photo.block_prior_exact import BlockExactArithmetic
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet
from hvaecodec.models.photo.partition import choose_shapes
from hvaecodec.models.photo.prior_exact import export_integers
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.photo.quantiser import shape_weights, step_table
from hvaecodec.models.photo.shape_contexts import ShapeTables, fit_shape_tables
from hvaecodec.training.data import Crops
from hvaecodec.training.photo.block_coding import blocks_of
from hvaecodec.training.photo.export import EntryCounter
from hvaecodec.training.place import counter_rng
from hvaecodec.training.recipes.photo_blocks import BlockPriorTraining

_COUNTS, _SHAPES = 6, 8  # kinds of random draws
_FINE_FROM = 480  # step indices from here on see halved photos too, whose chroma is whole

Picture = tuple[np.ndarray, np.ndarray, int]  # symbols, shapes, step index


def tables_for(
    net: BlockPriorNet, task: BlockPriorTraining, train: Sequence[np.ndarray], *, count: int, seed: int = 0
) -> list[np.ndarray]:
    """Fit entropy tables to plainly rounded symbols of `count` training crops at step indices spread over all."""
    arithmetic = BlockExactArithmetic(export_integers(net), net.config)
    crops, delta = Crops(train, seed), step_table()

    def pictures() -> Iterable[Picture]:
        for number in range(count):
            rng = counter_rng(seed, 0, _COUNTS, number)
            step_index = round((number + 0.5) / count * (N_INDICES - 1))
            fine = step_index >= task.fine_indices[0] and rng.random() < 0.5
            pixels = crops.batch(1, task.fine_side if fine else task.side, fine, rng)
            coefficients, shapes = blocks_of(pixels, delta[step_index])
            yield torch.round(coefficients / delta[step_index]).short()[0].numpy(), shapes[0].numpy(), step_index

    return fit_tables(count_entries(arithmetic, pictures()))


def count_entries(arithmetic: BlockExactArithmetic, pictures: Iterable[Picture]) -> list[np.ndarray]:
    """Count how often each entry of each table occurs in pictures, int64, one array a table."""
    counter = EntryCounter()
    with torch.no_grad():
        for symbols, shapes, step_index in pictures:
            frame = Frame((symbols.shape[3], symbols.shape[4]), step_index)
            encode_block_symbols(arithmetic, counter.tables, frame, shapes, counter.counting(symbols))
    return counter.by_table()


def shape_tables_for(train: Sequence[np.ndarray], batches: int, seed: int = 0) -> ShapeTables:
    """Fit tables of shapes to batches of eight training crops of 256 pixels, a step index each."""
    crops, delta = Crops(train, seed), step_table()
    maps: list[tuple[int, np.ndarray]] = []
    for number in range(batches):
        rng = counter_rng(seed, 0, _SHAPES, number)
        near = int(rng.integers(20, N_INDICES))
        indices = np.clip(near + rng.integers(-60, 61, 8), 0, N_INDICES - 1)
        pixels = crops.batch(8, 256, bool(near > _FINE_FROM and number % 2), rng)
        batch = choose_shapes(rgb_to_ycc(pixels), delta[torch.from_numpy(indices)])
        maps += [(int(step_index), shapes.numpy()) for step_index, shapes in zip(indices, batch, strict=True)]
    return fit_shape_tables(maps)


def export_block_bitstream(
    net: BlockPriorNet, tables: Sequence[np.ndarray], shapes: ShapeTables, folder: Path, force: bool = False
) -> Path:
    """Write the bitstream weights: the net's integers, both kinds of tables, the step table and S by shape.

    Raises ValueError if a layer could exceed exact float32, CodecError if the file exists and not `force`.
    """
    arrays = export_integers(net)
    BlockExactArithmetic(arrays, net.config)  # checks every layer's bound
    Tables([np.asarray(table, np.int64) for table in tables])  # checks every table's sum
    arrays |= {f"table.{i:03d}": np.asarray(table, np.int32) for i, table in enumerate(tables)}
    arrays |= {"shapes.tiles": shapes.tiles.astype(np.int32), "shapes.quadrants": shapes.quadrants.astype(np.int32)}
    arrays |= {"delta": step_table().numpy(), "S": shape_weights().numpy()}
    arrays = {name: np.ascontiguousarray(value) for name, value in sorted(arrays.items())}
    config = {"config": json.dumps(dataclasses.asdict(net.config))}
    return write_into_folder(folder / BITSTREAM, save_arrays(arrays, config), force)
