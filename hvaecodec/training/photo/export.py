"""Turns trained nets into files of weights that a codec loads: integers and tables, the generator, its curvature."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors
from torch import Tensor

from hvaecodec.codec.backends.torch_photo import BASIS
from hvaecodec.codec.backends.torch_photo_curvature import measure_curvature
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.photo.chunk import Chunk
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.curvature import CURVATURE
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.streams import Decide
from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.dct import rgb_to_ycc
from hvaecodec.models.integers import fit_tables, logistic_tables
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.partition import choose_shapes
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.photo.quantiser import shape_weights, step_table
from hvaecodec.models.photo.shape_contexts import ShapeTables, fit_shape_tables
from hvaecodec.training.data import Crops
from hvaecodec.training.photo.coding import in_steps
from hvaecodec.training.photo.searched_symbols import RoundingSearch, Search, decided_symbols
from hvaecodec.training.place import counter_rng
from hvaecodec.training.recipes.photo import PriorTraining

GENERATOR = "generator.safetensors"
_COUNTS, _CURVATURE, _SHAPES = 6, 7, 8  # kinds of random draws
_FINE_FROM = 480  # step indices from here on see halved photos too, whose chroma is whole

Picture = tuple[np.ndarray, np.ndarray, int]  # symbols, shapes, step index


class EntryCounter:
    """Counts the entries of tables that pictures need while these are encoded with tables that are not fitted yet."""

    def __init__(self) -> None:
        self.tables = Tables(logistic_tables())
        self.counts = np.zeros(len(self.tables.flat_bits), np.int64)

    def counting(self, symbols: np.ndarray) -> Decide:
        """Return a `Decide` that repeats symbols (3, 32, 32, rows, columns) and counts what each chunk needs."""

        def decide(chunk: Chunk) -> np.ndarray:
            values, (table, mean, sign) = chunk.place.take(symbols), chunk.coding
            radius = self.tables.radius[table]
            entry = (values - mean) * sign + radius
            entry = np.where((entry < 0) | (entry > 2 * radius), 2 * radius + 1, entry)
            self.counts += np.bincount((self.tables.starts[table] + entry).ravel(), minlength=len(self.counts))
            return values

        return decide

    def by_table(self) -> list[np.ndarray]:
        """Return the counts, int64, one array a table."""
        return np.split(self.counts, self.tables.starts[1:-1])


def count_entries(arithmetic: ExactArithmetic, pictures: Iterable[Picture]) -> list[np.ndarray]:
    """Count how often each entry of each table occurs in pictures, int64, one array a table."""
    counter = EntryCounter()
    for symbols, shapes, step_index in pictures:
        decided_symbols(arithmetic, shapes, step_index, counter.counting(symbols))
    return counter.by_table()


def tables_for(
    net: PriorNet,
    task: PriorTraining,
    train: Sequence[np.ndarray],
    *,
    count: int,
    seed: int = 0,
    search: Search | None = None,
) -> list[np.ndarray]:
    """Fit tables to the symbols of `count` training crops at step indices spread over all, as `task` makes them.

    search: makes them instead.
    """
    arithmetic = ExactArithmetic(export_integers(net), net.config)
    search = search or (RoundingSearch(net) if task.symbols == "searched" else _round_plainly)
    crops = Crops(train, seed)

    def pictures() -> Iterable[Picture]:
        for number in range(count):
            rng = counter_rng(seed, 0, _COUNTS, number)
            step_index = round((number + 0.5) / count * (N_INDICES - 1))
            fine = step_index >= task.fine_indices[0] and rng.random() < 0.5
            pixels = crops.batch(1, task.fine_side if fine else task.side, fine, rng)
            symbols, shapes = search(pixels, step_index)
            yield symbols[0].numpy(), shapes[0].numpy(), step_index

    return fit_tables(count_entries(arithmetic, pictures()))


def _round_plainly(pixels: Tensor, step_index: int) -> tuple[Tensor, Tensor]:
    coefficients, shapes, _ = in_steps(pixels, step_table()[step_index].expand(len(pixels)))
    return torch.round(coefficients).short(), shapes


def shape_tables_for(train: Sequence[np.ndarray], batches: int, *, side: int = 256, seed: int = 0) -> ShapeTables:
    """Fit tables of shapes to batches of eight training crops of `side` pixels, a step index each."""
    crops, delta = Crops(train, seed), step_table()
    maps: list[tuple[int, np.ndarray]] = []
    for number in range(batches):
        rng = counter_rng(seed, 0, _SHAPES, number)
        near = int(rng.integers(20, N_INDICES))
        indices = np.clip(near + rng.integers(-60, 61, 8), 0, N_INDICES - 1)
        pixels = crops.batch(8, side, bool(near > _FINE_FROM and number % 2), rng)
        batch = choose_shapes(rgb_to_ycc(pixels), delta[torch.from_numpy(indices)])
        maps += [(int(step_index), shapes.numpy()) for step_index, shapes in zip(indices, batch, strict=True)]
    return fit_shape_tables(maps)


def export_bitstream(
    net: PriorNet, tables: Sequence[np.ndarray], shapes: ShapeTables, folder: Path, force: bool = False
) -> Path:
    """Write the bitstream weights: the net's integers, both kinds of tables, the step table and S by shape.

    Raises ValueError if a layer could exceed exact float32, CodecError if the file exists and not `force`.
    """
    arrays = export_integers(net)
    ExactArithmetic(arrays, net.config)  # checks every layer's bound
    Tables([np.asarray(table, np.int64) for table in tables])  # checks every table's sum
    arrays |= {f"table.{i:03d}": np.asarray(table, np.int32) for i, table in enumerate(tables)}
    arrays |= {"shapes.tiles": shapes.tiles.astype(np.int32), "shapes.quadrants": shapes.quadrants.astype(np.int32)}
    arrays |= {"delta": step_table().numpy(), "S": shape_weights().numpy()}
    arrays = {name: np.ascontiguousarray(value) for name, value in sorted(arrays.items())}
    return write_into_folder(folder / BITSTREAM, save_arrays(arrays, _metadata(net)), force)


def export_generator(net: Generator, folder: Path, name: str = GENERATOR, force: bool = False) -> Path:
    """Write a generator's weights, and the basis of its offsets if it has one, in half precision.

    Raises CodecError if the file exists and not `force`, ValueError if a weight does not fit half precision.
    """
    tensors = half_precision(net)
    if len(net.basis):
        tensors[BASIS] = net.basis.half().contiguous()
    return write_into_folder(folder / name, save_tensors(tensors, _metadata(net)), force)


def export_curvature(
    folder: Path, train: Sequence[np.ndarray], *, count: int, side: int, seed: int, force: bool = False
) -> Path:
    """Measure and write the curvature of the generator in a folder of weights, from `count` crops of `side` pixels.

    Raises CodecError if the file exists and not `force`.
    """
    codec = DctVaeCodec.load(folder)
    crops = Crops(train, seed).batch(count, side, rng=counter_rng(seed, 0, _CURVATURE))
    pictures = [np.ascontiguousarray(crop.byte().permute(1, 2, 0).numpy()) for crop in crops]

    def pictures_at(step_index: int) -> Iterable[Context]:
        for picture in pictures:
            with torch.no_grad():
                yield encode_picture(codec.weights, picture, step_index, 1).context

    net = codec.generators.get(codec.generators.newest)
    curvature = measure_curvature(net, pictures_at, codec.bitstream.delta, codec.bitstream.s)
    data = save_arrays({"curvature": curvature.table.astype(np.float16)}, {"config": "{}"})
    return write_into_folder(folder / CURVATURE, data, force)


def _metadata(net: PriorNet | Generator) -> dict[str, str]:
    return {"config": json.dumps(dataclasses.asdict(net.config))}
