"""Lossless coding of small RGB pictures with stored integer tables, in a few passes instead of pixel by pixel.

Planes G, R - G, B - G one after the other; every plane from a coarse grid to the finest, a sample predicted by the mean
of four neighbours at equal distance that are known by then. How far these are apart, and how well green was predicted
there, choose the table. docs/FORMAT.md is the norm ("The picture y of srvae-cifar10").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.entropy.coder import Decoder, Encoder, Tables
from hvaecodec.models.integers import TOTAL_BITS

BASE = 16  # positions of the coarsest grid are multiples of it in both directions
RADIUS = 255  # residuals beyond it escape; green's cannot
_SPREADS = np.array([2, 5, 10, 18, 32])  # largest minus smallest neighbour, and so up: six classes
_MISSES = np.array([4, 13])  # size of green's residual: three classes
_CLASSES = len(_SPREADS) + 1
_CHROMA = _CLASSES * (len(_MISSES) + 1)
N_TABLES = 3 * (_CLASSES + 2 * _CHROMA)  # three classes of distance
_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_CROSS = ((-1, 0), (0, -1), (0, 1), (1, 0))


@dataclass(frozen=True)
class Pass:
    """The positions that are coded together, and their neighbours' offsets in steps; none for the coarsest grid."""

    rows: np.ndarray
    columns: np.ndarray
    step: int
    around: Sequence[tuple[int, int]]


def passes(height: int, width: int) -> Iterator[Pass]:
    """Go through all positions of a plane once, in coding order."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    known = (rows % BASE == 0) & (columns % BASE == 0)
    yield Pass(rows[known], columns[known], BASE, ())
    step = BASE // 2
    while step:
        odd = rows // step % 2 + columns // step % 2
        on = (rows % step == 0) & (columns % step == 0)
        for count, around in ((2, _DIAGONAL), (1, _CROSS)):
            chosen = on & (odd == count)
            if chosen.any():
                yield Pass(rows[chosen], columns[chosen], step, around)
        step //= 2


def predict(plane: np.ndarray, part: Pass, middle: int) -> tuple[np.ndarray, np.ndarray]:
    """Return prediction and class of spread for the positions of a pass, (..., n) int32, from what is known.

    plane: int32 (..., H, W). middle: prediction where there are no neighbours. Neighbours outside do not count; the
    mean of n is rounded half up: floor((2 sum + n) / 2 n).
    """
    shape = (*plane.shape[:-2], len(part.rows))
    if not part.around:
        return np.full(shape, middle, np.int32), np.full(shape, _CLASSES - 1, np.int32)
    height, width = plane.shape[-2:]
    total, count = np.zeros(shape, np.int32), np.zeros(len(part.rows), np.int32)
    low, high = np.full(shape, 1 << 20, np.int32), np.full(shape, -(1 << 20), np.int32)
    for down, right in part.around:
        r, c = part.rows + down * part.step, part.columns + right * part.step
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        near = plane[..., r.clip(0, height - 1), c.clip(0, width - 1)]
        total += np.where(inside, near, 0)
        count += inside
        low, high = np.where(inside, np.minimum(low, near), low), np.where(inside, np.maximum(high, near), high)
    spread = np.searchsorted(_SPREADS, high - low, side="right")
    return (2 * total + count) // (2 * count), spread.astype(np.int32)


def choose_tables(number: int, part: Pass, spread: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """Choose the table of every position of a pass.

    number: of the plane. missed: |residual of green| at the positions; not looked at for green itself.
    """
    distance = 0 if part.step >= 4 else 3 - part.step  # steps 4 and up, 2, 1
    if number == 0:
        return distance * _CLASSES + spread
    miss = np.searchsorted(_MISSES, missed, side="right")
    return 3 * _CLASSES + ((number - 1) * 3 + distance) * _CHROMA + miss * _CLASSES + spread


def to_planes(picture: np.ndarray) -> np.ndarray:
    """Convert a picture, uint8 (..., H, W, 3), to its planes, int32 (3, ..., H, W): G, R - G, B - G."""
    red, green, blue = np.moveaxis(picture.astype(np.int32), -1, 0)
    return np.stack([green, red - green, blue - green])


def from_planes(planes: np.ndarray) -> np.ndarray:
    """Convert planes back to int32 (..., H, W, 3), the opposite of `to_planes`, whatever the values are."""
    green, red, blue = planes[0], planes[1] + planes[0], planes[2] + planes[0]
    return np.stack([red, green, blue], -1)


def walk(planes: np.ndarray, height: int, width: int) -> Iterator[tuple[int, Pass, np.ndarray, np.ndarray]]:
    """Go through all passes of all planes; yield (plane number, pass, tables, predictions).

    planes: int32 (3, ..., H, W), which the caller makes known at the positions of a pass before it asks for the next.
    """
    missed = np.zeros_like(planes[0])
    for number in range(3):
        for part in passes(height, width):
            prediction, spread = predict(planes[number], part, 128 if number == 0 else 0)
            here = (..., part.rows, part.columns)
            yield number, part, choose_tables(number, part, spread, missed[here]), prediction
            if number == 0:
                missed[here] = np.abs(planes[0][here] - prediction)


def coder_tables(frequencies: np.ndarray) -> Tables:
    """Make tables for the coder of frequencies, int (N_TABLES, 2 RADIUS + 2), whose rows sum to 2**22.

    Raises ValueError for another shape.
    """
    if frequencies.shape != (N_TABLES, 2 * RADIUS + 2):
        raise ValueError(f"tables of {frequencies.shape}, expected {(N_TABLES, 2 * RADIUS + 2)}")
    return Tables(list(frequencies.astype(np.int64)), np.full(N_TABLES, RADIUS, np.int32))


def encode_rgb(tables: Tables, picture: np.ndarray) -> tuple[bytes, float]:
    """Encode a uint8 (H, W, 3) picture; return its stream and the estimated bits."""
    planes, encoder = to_planes(picture), Encoder(tables)
    for number, part, table, prediction in walk(planes, *picture.shape[:2]):
        values = planes[number][part.rows, part.columns]
        encoder.write(values, table, prediction, np.ones_like(prediction))
    return encoder.bytes(), encoder.est_bits


def decode_rgb(tables: Tables, data: bytes, height: int, width: int) -> tuple[np.ndarray, float]:
    """Decode a stream; return its picture, int32 (H, W, 3), and the estimated bits.

    The caller checks that the samples lie in 0..255. Raises CorruptFile.
    """
    planes, decoder = np.zeros((3, height, width), np.int32), Decoder(tables, data)
    for number, part, table, prediction in walk(planes, height, width):
        planes[number][part.rows, part.columns] = decoder.read(table, prediction, np.ones_like(prediction))
    decoder.check_exhausted()
    return from_planes(planes), decoder.est_bits


def fit_tables(pictures: np.ndarray) -> np.ndarray:
    """Count frequencies in uint8 (N, H, W, 3) pictures: int32 (N_TABLES, 2 RADIUS + 2), whose rows sum to 2**22.

    Counts are mixed with a two-sided geometric distribution of the same mean size, as if 200 more samples had been
    counted, so that what did not occur is not dear.
    """
    planes = to_planes(pictures)
    counts = np.zeros((N_TABLES, 2 * RADIUS + 2))
    for number, part, table, prediction in walk(planes, *pictures.shape[1:3]):
        residual = planes[number][..., part.rows, part.columns] - prediction
        entry = np.where(np.abs(residual) <= RADIUS, residual + RADIUS, 2 * RADIUS + 1)
        np.add.at(counts, (table.ravel(), entry.ravel()), 1)
    return np.stack([_frequencies(row) for row in counts])


def _frequencies(counts: np.ndarray) -> np.ndarray:
    """Return positive integers that sum to 2**22 and are near what the counts say."""
    size = np.abs(np.arange(-RADIUS, RADIUS + 1))
    mean = ((counts[:-1] * size).sum() + 20) / (counts[:-1].sum() + 4)
    q = mean / (1 + mean)
    prior = np.append(q**size, 0.0)
    mixed = counts + 200 * prior / prior.sum()
    room = (1 << TOTAL_BITS) - len(counts)
    out = 1 + np.floor(room * mixed / mixed.sum()).astype(np.int64)
    out[out.argmax()] += (1 << TOTAL_BITS) - out.sum()
    return out.astype(np.int32)
