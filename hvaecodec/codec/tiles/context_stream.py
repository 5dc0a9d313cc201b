"""The integers of contexts of many tiles in one stream, with stored tables: exact everywhere, and no net.

Place by place, low frequencies (or the upper left) first, of all tiles at once. A place is predicted from the channels
before it and from its known neighbours; how far their own predictions were off chooses the table. docs/FORMAT.md is the
norm ("The context of dct-vae-cifar10").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.entropy.coder import Decoder, Encoder, Tables
from hvaecodec.codec.exact_arrays import take, take_positive
from hvaecodec.models.integers import TOTAL_BITS

SHIFT = 10  # of the linear weights
LARGEST = 1 << 12  # of the integers, so that files and sums of predictions have room for them
_MISSES = np.array([1, 3, 6])  # sums of the neighbours' residuals where a class begins
CLASSES = len(_MISSES) + 1
_NEIGHBOURS = ((0, 0), (1, 0), (0, 1), (1, 1))  # (up, left) of a place: what it is predicted from


@dataclass(frozen=True)
class Place:
    """The channel and the frequencies of a coefficient. number: its place in the order of coding, from 0."""

    number: int
    channel: int
    u: int
    v: int


def places(channels: int, size: int) -> list[Place]:
    """List all places of a context in the order of coding: sorted by u + v, then by u, then by the channel."""
    ordered = sorted((u + v, u, c, v) for c in range(channels) for u in range(size) for v in range(size))
    return [Place(number, c, u, v) for number, (_, u, c, v) in enumerate(ordered)]


@dataclass(frozen=True)
class ContextTables:
    """The bitstream weights that a file's digest names.

    linear: int64 (C, d, d, 4 C), the weights of what `_known` returns. tables: for the coder, four a place. half: the
    largest integer. s: float32 (C, d, d), a coefficient is the integer times s / half; None for thumbnails.
    """

    linear: np.ndarray
    tables: Tables
    half: int
    s: np.ndarray | None

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> ContextTables:
        """Take the tables from arrays `linear`, `tables`, int (4 C d d, 2 radius + 2), `half` and, of a DCT, `S`.

        Raises ValueError for arrays that do not belong together, KeyError for one that is missing.
        """
        linear = take(arrays, "linear", np.int32, None, None, None, None).astype(np.int64)
        rows = take(arrays, "tables", np.int32, None, None).astype(np.int64)
        channels, size = linear.shape[0], linear.shape[1]
        if (
            linear.shape != (channels, size, size, len(_NEIGHBOURS) * channels)
            or len(rows) != CLASSES * channels * size**2
        ):
            raise ValueError(f"tables of {rows.shape} and weights of {linear.shape} do not belong together")
        if np.abs(linear).max(initial=0) > 1 << 14:
            raise ValueError("a linear weight is above 2**14")
        s = take_positive(arrays, "S", *linear.shape[:3]) if "S" in arrays else None
        half = int(take(arrays, "half", np.int32))
        if channels != 3 or not 1 <= size <= 32 or not 1 <= half <= LARGEST:
            raise ValueError(f"these are {size} x {size} of {channels} channels in -{half}..{half}; none of ours")
        tables = Tables(list(rows), np.full(len(rows), rows.shape[1] // 2 - 1, np.int32))
        return cls(linear, tables, half, s)


def walk(linear: np.ndarray, symbols: np.ndarray) -> Iterator[tuple[Place, np.ndarray, np.ndarray]]:
    """Go through all places in the order of coding; yield (place, tables, predictions), int32 (tiles,) each.

    symbols: int32 (tiles, C, d, d), in which the caller makes a place known before it asks for the next.
    """
    channels, size = linear.shape[:2]
    missed = np.zeros(symbols.shape, np.int32)
    for place in places(channels, size):
        c, u, v = place.channel, place.u, place.v
        prediction = ((_known(symbols, place) * linear[c, u, v]).sum(1) + (1 << (SHIFT - 1)) >> SHIFT).astype(np.int32)
        off = np.zeros(len(symbols), np.int32)
        for known, value in ((u > 0, (c, u - 1, v)), (v > 0, (c, u, v - 1)), (c > 0, (c - 1, u, v))):
            if known:
                off += missed[(slice(None), *value)]
        spread = np.searchsorted(_MISSES, off, side="right").astype(np.int32)
        yield place, CLASSES * place.number + spread, prediction
        missed[:, c, u, v] = np.abs(symbols[:, c, u, v] - prediction)


def _known(symbols: np.ndarray, place: Place) -> np.ndarray:
    """Return what predicts a place, int64 (tiles, 4 C), with zeros for what is not known.

    It is the channels before the place's own, then all channels above, left, and above and left.
    """
    tiles, channels = symbols.shape[:2]
    out = np.zeros((tiles, len(_NEIGHBOURS), channels), np.int64)
    for k, (up, left) in enumerate(_NEIGHBOURS):
        if place.u >= up and place.v >= left:
            n = channels if k else place.channel
            out[:, k, :n] = symbols[:, :n, place.u - up, place.v - left]
    return out.reshape(tiles, -1)


def encode_context(tables: ContextTables, symbols: np.ndarray) -> tuple[bytes, float]:
    """Encode the contexts of tiles, int32 (tiles, C, d, d); return their stream and the estimated bits."""
    encoder = Encoder(tables.tables)
    for place, table, prediction in walk(tables.linear, symbols):
        values = np.ascontiguousarray(symbols[:, place.channel, place.u, place.v])
        encoder.write(values, table, prediction, np.ones_like(prediction))
    return encoder.bytes(), encoder.est_bits


def decode_context(tables: ContextTables, data: bytes, n_tiles: int) -> tuple[np.ndarray, float]:
    """Decode a stream; return the contexts of its tiles, int32 (tiles, C, d, d), and the estimated bits.

    Raises CorruptFile.
    """
    channels, size = tables.linear.shape[:2]
    symbols, decoder = np.zeros((n_tiles, channels, size, size), np.int32), Decoder(tables.tables, data)
    for place, table, prediction in walk(tables.linear, symbols):
        symbols[:, place.channel, place.u, place.v] = decoder.read(table, prediction, np.ones_like(prediction))
    decoder.check_exhausted()
    return symbols, decoder.est_bits


def fit_context_tables(symbols: np.ndarray, half: int, s: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Fit the arrays of `ContextTables` to training contexts, int32 (N, C, d, d) in -half..half.

    The linear weights are those of ridge regression; the tables are mixed counts, see `_frequencies`.
    """
    _, channels, size, _ = symbols.shape
    linear = np.zeros((channels, size, size, len(_NEIGHBOURS) * channels), np.int32)
    for place in places(channels, size):
        at = place.channel, place.u, place.v
        x, y = _known(symbols, place).astype(float), symbols[(slice(None), *at)].astype(float)
        ridge = x.T @ x + np.eye(x.shape[1])
        linear[at] = np.clip(np.round(np.linalg.solve(ridge, x.T @ y) * 2**SHIFT), -(2**13), 2**13)
    radius = 2 * half
    counts = np.zeros((CLASSES * channels * size**2, 2 * radius + 2))
    for place, table, prediction in walk(linear.astype(np.int64), symbols):
        entry = symbols[:, place.channel, place.u, place.v] - prediction + radius
        entry = np.where((entry < 0) | (entry > 2 * radius), 2 * radius + 1, entry)
        np.add.at(counts, (table, entry), 1)
    arrays = {"linear": linear, "tables": np.stack([_frequencies(row, radius) for row in counts])}
    return arrays | {"half": np.array(half, np.int32)} | ({} if s is None else {"S": s.astype(np.float32)})


def _frequencies(counts: np.ndarray, radius: int) -> np.ndarray:
    """Return positive integers that sum to 2**22, from the counts and 20 more of a geometric of equal mean size."""
    size = np.abs(np.arange(-radius, radius + 1))
    mean = ((counts[:-1] * size).sum() + 2) / (counts.sum() + 2)
    prior = np.append((mean / (1 + mean)) ** size, 1e-6)
    mixed = counts + 20 * prior / prior.sum()
    out = 1 + np.floor(((1 << TOTAL_BITS) - len(counts)) * mixed / mixed.sum()).astype(np.int64)
    out[out.argmax()] += (1 << TOTAL_BITS) - out.sum()
    return out.astype(np.int32)
