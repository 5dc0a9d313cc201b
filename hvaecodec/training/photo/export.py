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

from hvaecodec.codec.backends.torch_photo_curvature import measure_curvature
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.photo.chunk import Chunk
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.curvature import CURVATURE
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.streams import Decide, encode_symbols
from hvaecodec.codec.torch_weights import half_precision
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.dct import rgb_to_ycc, tiles_to_coefficients
from hvaecodec.models.integers import fit_tables, logistic_tables
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.photo.quantiser import frequency_weights, step_table
from hvaecodec.training.data import Crops
from hvaecodec.training.photo.searched_symbols import RoundingSearch, Search
from hvaecodec.training.place import counter_rng
from hvaecodec.training.recipes.photo import PriorTraining

GENERATOR = "generator.safetensors"
_COUNTS, _CURVATURE = 6, 7  # kinds of random draws


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


def count_entries(arithmetic: ExactArithmetic, pictures: Iterable[tuple[np.ndarray, int]]) -> list[np.ndarray]:
    """Count how often each entry of each table occurs, int64, one array a table.

    pictures: symbols (3, 32, 32, rows, columns) and the step index of each.
    """
    counter = EntryCounter()
    with torch.no_grad():
        for symbols, step_index in pictures:
            frame = Frame((symbols.shape[3], symbols.shape[4]), step_index)
            encode_symbols(arithmetic, counter.tables, frame, counter.counting(symbols))
    return counter.by_table()


def tables_for(
    net: PriorNet, task: PriorTraining, train: Sequence[np.ndarray], *, count: int, seed: int
) -> list[np.ndarray]:
    """Fit tables to the symbols of `count` training crops at step indices spread over all, as `task` makes them."""
    arrays = export_integers(net)
    arithmetic = ExactArithmetic(arrays, net.config)
    search: Search = RoundingSearch(arrays, net.config) if task.symbols == "searched" else _round_plainly
    crops, s, delta = Crops(train, seed), frequency_weights()[None, ..., None, None], step_table()

    def pictures() -> Iterable[tuple[np.ndarray, int]]:
        for number in range(count):
            rng = counter_rng(seed, 0, _COUNTS, number)
            step_index = round((number + 0.5) / count * (N_INDICES - 1))
            fine = step_index >= task.fine_indices[0] and rng.random() < 0.5
            pixels = crops.batch(1, task.fine_side if fine else task.side, fine, rng)
            coefficients = tiles_to_coefficients(rgb_to_ycc(pixels)) / (s * delta[step_index])
            yield search(coefficients, step_index)[0].numpy(), step_index

    return fit_tables(count_entries(arithmetic, pictures()))


def _round_plainly(coefficients: Tensor, step_index: int) -> Tensor:
    return torch.round(coefficients).short()


def export_bitstream(net: PriorNet, tables: Sequence[np.ndarray], folder: Path, force: bool = False) -> Path:
    """Write the bitstream weights: the net's integers, the tables, the step table and S.

    Raises ValueError if a layer could exceed exact float32, CodecError if the file exists and not `force`.
    """
    arrays = export_integers(net)
    ExactArithmetic(arrays, net.config)  # checks every layer's bound
    Tables([np.asarray(table, np.int64) for table in tables])  # checks every table's sum
    arrays |= {f"table.{i:03d}": np.asarray(table, np.int32) for i, table in enumerate(tables)}
    arrays |= {"delta": step_table().numpy(), "S": frequency_weights().numpy()}
    arrays = {name: np.ascontiguousarray(value) for name, value in sorted(arrays.items())}
    return write_into_folder(folder / BITSTREAM, save_arrays(arrays, _metadata(net)), force)


def export_generator(net: Generator, folder: Path, name: str = GENERATOR, force: bool = False) -> Path:
    """Write a generator's weights in half precision.

    Raises CodecError if the file exists and not `force`, ValueError if a weight does not fit half precision.
    """
    return write_into_folder(folder / name, save_tensors(half_precision(net), _metadata(net)), force)


def export_curvature(
    folder: Path, train: Sequence[np.ndarray], *, count: int, side: int, seed: int, force: bool = False
) -> Path:
    """Measure and write the curvature of the generator in a folder of weights, from `count` crops of `side` pixels.

    Raises CodecError if the file exists and not `force`.
    """
    codec = DctVaeCodec.load(folder)
    crops = Crops(train, seed).batch(count, side, rng=counter_rng(seed, 0, _CURVATURE))
    pictures = [np.ascontiguousarray(crop.byte().permute(1, 2, 0).numpy()) for crop in crops]

    def symbols_at(step_index: int) -> Iterable[np.ndarray]:
        for picture in pictures:
            with torch.no_grad():
                yield encode_picture(codec.weights, picture, step_index, 1).symbols

    net = codec.generators.get(codec.generators.newest)
    curvature = measure_curvature(net, symbols_at, codec.bitstream.delta, codec.bitstream.s)
    data = save_arrays({"curvature": curvature.table.astype(np.float16)}, {"config": "{}"})
    return write_into_folder(folder / CURVATURE, data, force)


def _metadata(net: PriorNet | Generator) -> dict[str, str]:
    return {"config": json.dumps(dataclasses.asdict(net.config))}
