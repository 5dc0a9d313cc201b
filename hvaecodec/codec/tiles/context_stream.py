"""The integers of contexts of many tiles in one stream, with stored tables: exact everywhere, and no net.

Place by place, low frequencies (or the upper left) first, of all tiles at once. A place is predicted from the channels
before it and from its known neighbours; how far their own predictions were off chooses the table. docs/FORMAT.md is the norm
("The context of dct-vae-cifar10").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.entropy.coder import Decoder, Encoder, Tables
from hvaecodec.models.integers import TOTAL_BITS

SHIFT = 10  # of the linear weights
_MISSES = np.array([1, 3, 6])  # sums of the neighbours' residuals where a class begins
CLASSES = len(_MISSES) + 1
_SEEN = ((0, 0), (1, 0), (0, 1), (1, 1))  # (up, left) from a place, where it is predicted from


@dataclass(frozen=True)
class Place:
    """Channel and frequencies of a coefficient; number: in the order of coding."""

    number: int
    channel: int
    u: int
    v: int


def places(channels: int, size: int) -> list[Place]:
    """All of them, by u + v, then u, then the channel."""
    found = sorted((u + v, u, c, v) for c in range(channels) for u in range(size) for v in range(size))
    return [Place(number, c, u, v) for number, (_, u, c, v) in enumerate(found)]


@dataclass(frozen=True)
class ContextTables:
    """What the digest names. linear: int32 (C, d, d, 4 C), weights of `_known`. tables: for the coder, four a place.
    half: the largest integer. s: float32 (C, d, d), a coefficient is the integer times s / half; None for thumbnails."""

    linear: np.ndarray
    tables: Tables
    half: int
    s: np.ndarray | None

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> ContextTables:
        """From arrays `linear`, `tables`, int (4 C d d, 2 radius + 2), `half` and, of a DCT, `S`. Raises ValueError or
        KeyError."""
        linear, rows = arrays["linear"].astype(np.int64), arrays["tables"].astype(np.int64)
        channels, size = linear.shape[0], linear.shape[1]
        if linear.shape != (channels, size, size, len(_SEEN) * channels) or len(rows) != CLASSES * channels * size**2:
            raise ValueError(f"tables of {rows.shape} and weights of {linear.shape} do not belong together")
        if np.abs(linear).max(initial=0) > 1 << 14:
            raise ValueError("a linear weight is above 2**14")
        s = arrays.get("S")
        if s is not None and s.shape != linear.shape[:3]:
            raise ValueError(f"S of {s.shape} and weights of {linear.shape} do not belong together")
        tables = Tables(list(rows), np.full(len(rows), rows.shape[1] // 2 - 1, np.int32))
        return cls(linear, tables, int(arrays["half"]), s)


def walk(linear: np.ndarray, symbols: np.ndarray) -> Iterator[tuple[Place, np.ndarray, np.ndarray]]:
    """(place, table, prediction) of all places, int32 (tiles,) each. The caller makes the place known in `symbols`,
    int32 (tiles, C, d, d), before it asks for the next."""
    channels, size = linear.shape[:2]
    missed = np.zeros(symbols.shape, np.int32)
    for place in places(channels, size):
        c, u, v = place.channel, place.u, place.v
        mean = ((_known(symbols, place) * linear[c, u, v]).sum(1) + (1 << (SHIFT - 1)) >> SHIFT).astype(np.int32)
        off = np.zeros(len(symbols), np.int32)
        for known, value in ((u > 0, (c, u - 1, v)), (v > 0, (c, u, v - 1)), (c > 0, (c - 1, u, v))):
            if known:
                off += missed[(slice(None), *value)]
        spread = np.searchsorted(_MISSES, off, side="right").astype(np.int32)
        yield place, CLASSES * place.number + spread, mean
        missed[:, c, u, v] = np.abs(symbols[:, c, u, v] - mean)


def _known(symbols: np.ndarray, place: Place) -> np.ndarray:
    """What predicts a place, int64 (tiles, 4 C): the channels before it, then all channels above, left and of both;
    zeros elsewhere."""
    tiles, channels = symbols.shape[:2]
    out = np.zeros((tiles, len(_SEEN), channels), np.int64)
    for k, (up, left) in enumerate(_SEEN):
        if place.u >= up and place.v >= left:
            n = channels if k else place.channel
            out[:, k, :n] = symbols[:, :n, place.u - up, place.v - left]
    return out.reshape(tiles, -1)


def encode_context(found: ContextTables, symbols: np.ndarray) -> tuple[bytes, float]:
    """The stream of int32 (tiles, C, d, d), and its estimated bits."""
    encoder = Encoder(found.tables)
    for place, table, mean in walk(found.linear, symbols):
        values = np.ascontiguousarray(symbols[:, place.channel, place.u, place.v])
        encoder.write(values, table, mean, np.ones_like(mean))
    return encoder.bytes(), encoder.est_bits


def decode_context(found: ContextTables, data: bytes, tiles: int) -> tuple[np.ndarray, float]:
    """int32 (tiles, C, d, d) of a stream, and its estimated bits."""
    channels, size = found.linear.shape[:2]
    symbols, decoder = np.zeros((tiles, channels, size, size), np.int32), Decoder(found.tables, data)
    for place, table, mean in walk(found.linear, symbols):
        symbols[:, place.channel, place.u, place.v] = decoder.read(table, mean, np.ones_like(mean))
    return symbols, decoder.est_bits


def fit(symbols: np.ndarray, half: int, s: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The arrays of `ContextTables` from training contexts, int32 (N, C, d, d) in -half..half."""
    _, channels, size, _ = symbols.shape
    linear = np.zeros((channels, size, size, len(_SEEN) * channels), np.int32)
    for place in places(channels, size):
        at = place.channel, place.u, place.v
        x, y = _known(symbols, place).astype(float), symbols[(slice(None), *at)].astype(float)
        ridge = x.T @ x + np.eye(x.shape[1])
        linear[at] = np.clip(np.round(np.linalg.solve(ridge, x.T @ y) * 2**SHIFT), -(2**13), 2**13)
    radius = 2 * half
    counts = np.zeros((CLASSES * channels * size**2, 2 * radius + 2))
    for place, table, mean in walk(linear.astype(np.int64), symbols):
        entry = symbols[:, place.channel, place.u, place.v] - mean + radius
        entry = np.where((entry < 0) | (entry > 2 * radius), 2 * radius + 1, entry)
        np.add.at(counts, (table, entry), 1)
    found = {"linear": linear, "tables": np.stack([_frequencies(row, radius) for row in counts])}
    return found | {"half": np.array(half, np.int32)} | ({} if s is None else {"S": s.astype(np.float32)})


def _frequencies(counts: np.ndarray, radius: int) -> np.ndarray:
    """Positive integers that sum to 2**22: counts as if 20 more had been seen of a geometric of the same mean size."""
    size = np.abs(np.arange(-radius, radius + 1))
    mean = ((counts[:-1] * size).sum() + 2) / (counts.sum() + 2)
    prior = np.append((mean / (1 + mean)) ** size, 1e-6)
    mixed = counts + 20 * prior / prior.sum()
    out = 1 + np.floor(((1 << TOTAL_BITS) - len(counts)) * mixed / mixed.sum()).astype(np.int64)
    out[out.argmax()] += (1 << TOTAL_BITS) - out.sum()
    return out.astype(np.int32)
