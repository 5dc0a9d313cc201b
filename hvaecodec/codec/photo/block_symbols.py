"""Symbols over tiles of different blocks to level streams and back: the walk of `block_prior_walk` with the coder."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.chunk import Place
from hvaecodec.codec.photo.chunk_coder import ChunkCoder, Code, Frame
from hvaecodec.codec.photo.nets import ExactPrior
from hvaecodec.codec.photo.streams import Decide, Encoding, decode_walk, encode_walk
from hvaecodec.models.photo.block_prior_layers import BLOCK_STEPS, N_PLACES, BlockStep
from hvaecodec.models.photo.block_prior_walk import BlockArithmetic, walk
from hvaecodec.models.photo.layout import Step


class ExactBlockPrior(BlockArithmetic, ExactPrior, Protocol):
    """The prior's integers over tiles of different blocks, with their way from numpy and back."""


@dataclass(frozen=True)
class BlockPlace:
    """The n symbols a tile has in a step over chosen blocks, in some rows of tiles."""

    step: BlockStep
    rows: slice

    @property
    def stream_level(self) -> int:
        """The stream that the step belongs to."""
        return self.step.stream_level

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return the symbols, (n, rows, columns)."""
        return self._flat(array)[self.step.places, self.rows]

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        """Write symbols, (n, rows, columns)."""
        self._flat(array)[self.step.places, self.rows] = values

    def frequencies(self, array: np.ndarray) -> np.ndarray:
        """Return what holds for each place in a tile, (n, 1, 1)."""
        return array.reshape(N_PLACES)[self.step.places][:, None, None]

    @staticmethod
    def _flat(array: np.ndarray) -> np.ndarray:
        return array.reshape(N_PLACES, *array.shape[3:])


class BlockChunkCoder(ChunkCoder):
    """The `ChunkCoder` of the walk over tiles of different blocks."""

    last_step = BLOCK_STEPS[-1]

    def place_of(self, step: Step, rows: slice) -> Place:
        """Return where a step's symbols in some rows of tiles lie."""
        assert isinstance(step, BlockStep)
        return BlockPlace(step, rows)


def encode_block_symbols(
    prior: ExactBlockPrior, tables: Tables, frame: Frame, shapes: np.ndarray, decide: Decide
) -> Encoding:
    """Encode a picture's symbols, coarse to fine, as six level streams; see `streams.encode_symbols`.

    shapes: maps of luma and chroma, int64 (2, 2 rows, 2 columns), which a stream of their own tells before.
    """
    return encode_walk(functools.partial(_walk, prior, frame, shapes), tables, decide)


def decode_block_symbols(
    prior: ExactBlockPrior, tables: Tables, frame: Frame, shapes: np.ndarray, streams: Sequence[bytes]
) -> tuple[np.ndarray, list[float]]:
    """Decode the symbols of as many levels as there are streams under known shapes; see `streams.decode_symbols`."""
    return decode_walk(functools.partial(_walk, prior, frame, shapes), tables, streams)


def _walk(prior: ExactBlockPrior, frame: Frame, shapes: np.ndarray, code: Code, n_levels: int) -> np.ndarray:
    """Code all symbols of some levels and return them."""
    coder = BlockChunkCoder(prior, frame, code)
    step_index = prior.tensor(np.array([frame.step_index]))
    walk(prior, frame.grid, step_index, shapes[None], coder, n_levels=n_levels)
    return coder.symbols
