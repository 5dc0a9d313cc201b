"""The coder that the prior's walk calls: what the network says of a step becomes chunks, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hvaecodec.codec.free_memory import hand_back_memory
from hvaecodec.codec.photo.chunk import Chunk, DcPlace, Place, StepPlace
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.nets import ExactPrior
from hvaecodec.models.integers import N_SCALES, Coding, coding_of_heads, coding_of_quarters
from hvaecodec.models.photo.layout import STEPS, TILE, Step
from hvaecodec.models.photo.prior_layers import MAX_LINEAR_LEVEL
from hvaecodec.models.photo.prior_walk import Known

CHUNK_TILES = 4096  # tiles of one coder call: a part of the format (docs/FORMAT.md)
LARGE_SLICE = 1 << 14  # tiles; their steps take hundreds of megabytes each

Code = Callable[[Chunk], np.ndarray]  # writes or reads the symbols of a chunk and returns them, in its shape


class ChunkCoder:
    """The `prior_walk.Coder` of files: cuts what the network says into chunks, has each coded, and keeps the symbols.

    code: writes or reads the symbols of a chunk and returns them. keep: whether all are kept, and not only those that
    the walk asks for again, one in sixteen.
    """

    def __init__(self, prior: ExactPrior, frame: Frame, code: Code, *, keep: bool = True) -> None:
        self.prior, self.frame, self.code, self.keep = prior, frame, code, keep
        self.symbols = np.zeros((3, TILE, TILE, *frame.grid), np.int16)

    def known_dc(self) -> Any:
        """Return the DCs, (1, 3, rows, columns)."""
        return self.prior.tensor(self.symbols[None, :, 0, 0])

    def known_symbols(self) -> Any:
        """Return all symbols, (1, 3, 32, 32, rows, columns)."""
        return self.prior.tensor(self.symbols[None])

    def code_dc(self, tiles: np.ndarray, channels: slice, prediction: Any, head: Any) -> Any:
        """Code the DCs at some tiles, those of chroma only if there is colour, and return them, (1, channels, N, 1)."""
        first = channels.start
        last = min(channels.stop, 1) if self.frame.grey else channels.stop
        if first < last:
            coding = self._dc_coding(channels.stop - first, len(tiles), prediction, head)
            self._code(DcPlace(slice(first, last), tiles), Coding(*(part[: last - first] for part in coding)))
        values = DcPlace(channels, tiles).take(self.symbols)
        return self.prior.tensor(values.astype(np.float32)[None, :, :, None])

    def code_step(self, step: Step, prediction: Any, known: Known) -> Any:
        """Code a step, so many tiles at a time, and return its symbols, (1, n, rows, columns); None for the last."""
        (height, width), last = self.frame.grid, step is STEPS[-1]
        values = None if last else np.zeros((1, step.size, height, width), np.float32)
        at_once = max(1, CHUNK_TILES // width)
        for top in range(0, 0 if self.frame.grey and step.bands[0].channel else height, at_once):
            rows = slice(top, min(top + at_once, height))
            symbols = self._code(StepPlace(step, rows), self._step_coding(step, rows, prediction, known))
            if values is not None:
                values[0, :, rows] = symbols
            del symbols  # as large as what the next ones come from
        if height * width >= LARGE_SLICE:
            hand_back_memory()  # what this step took lies in pieces that the next one cannot use
        return None if values is None else self.prior.tensor(values)

    def _code(self, place: Place, coding: Coding) -> np.ndarray:
        symbols = self.code(Chunk(place, coding))
        if self.keep or place.stream_level <= MAX_LINEAR_LEVEL:
            place.put(self.symbols, symbols)
        return symbols

    def _step_coding(self, step: Step, rows: slice, prediction: Any, known: Known) -> Coding:
        """How a step's symbols in some rows of tiles are coded."""
        head = self._integers(self.prior.conv(f"{step.name}.head", known.joined(self.prior, rows)))[0]
        own = None if prediction is None else self._integers(prediction[:, :, rows])[0]
        return coding_of_heads(head[: step.size], head[step.size :], own)

    def _dc_coding(self, n_channels: int, n_tiles: int, prediction: Any, head: Any) -> Coding:
        """How DCs are coded: by the widest table around zero on the coarsest lattice, else as the network says."""
        if head is None:
            shape = n_channels, n_tiles
            return coding_of_quarters(np.full(shape, N_SCALES - 1), np.zeros(shape, np.int64))
        integers = self._integers(head)[0, :, :, 0]
        return coding_of_heads(integers[:n_channels], integers[n_channels:], self._integers(prediction)[0, :, :, 0])

    def _integers(self, x: Any) -> np.ndarray:
        return self.prior.numpy(x).astype(np.int32)
