"""What a file changes of the generator: a few whole coefficients of directions in its offsets, into a stream and back.

A generator's file holds a basis, (64, offsets): directions in which pictures differ most in the offsets that suit them
(the idea is arXiv:2210.04898's, who send every bias). A picture's offsets are unit(scale) * coefficients @ basis. In
the stream stand, by uniform or stored integer tables, so that they are the same everywhere:

    the number n of coefficients, 0..64; half of the mass is at 0; later directions have coefficients of zero
    if n > 0: the scale, 0..15; the spread, 0..15; the coefficients, two-sided geometric, p(q) ~ (k / 32)**|q|
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import constriction
import numpy as np

from hvaecodec.codec.entropy.words import decode_run
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.models.integers import TOTAL_BITS

DIRECTIONS = 64
RATIOS = (1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)  # k of the table of each spread
RADIUS = 40  # of coefficients
N_SCALES = 16
UNIT_SCALE = 6  # the scale whose unit is 1
_HEADER_BITS = 8.0  # of scale and spread

# How the squared error grows with coefficients, as bases are scaled: D / delta^2 ~ q^2 for offsets of q rows at this
# luma step and picture size. It grows with the pixels, and falls with delta to twice the power.
REFERENCE_STEP, REFERENCE_PIXELS, STEP_POWER = 28.0, 512 * 768, 0.73

RangeEncoder = Any  # `constriction.stream.queue.RangeEncoder` and `RangeDecoder`
RangeDecoder = Any


@dataclass(frozen=True)
class Adaptation:
    """An adaptation has coefficients of the first directions of a basis, int32 (n,), and the scale of their unit.

    scale: 0..15. n is 0 for no change, at most 64; the last coefficient is not 0, and none is beyond -40..40. Raises
    ValueError for anything else.
    """

    scale: int
    coefficients: np.ndarray

    def __post_init__(self) -> None:
        if not 0 <= self.scale < N_SCALES:
            raise ValueError(f"scale is {self.scale}; it must be 0..{N_SCALES - 1}")
        values = self.coefficients
        if values.dtype != np.int32 or values.ndim != 1 or len(values) > DIRECTIONS:
            raise ValueError(f"coefficients must be int32 (n,), n at most {DIRECTIONS}")
        if len(values) and (values[-1] == 0 or np.abs(values).max() > RADIUS):
            raise ValueError(f"coefficients lie in -{RADIUS}..{RADIUS}, and the last is not 0")

    @classmethod
    def of(cls, scale: int, values: np.ndarray) -> Adaptation:
        """Return the adaptation nearest to values (n,), up to the last that is not zero. Small ones become zero."""
        rounded = np.sign(values) * np.floor(np.abs(values) + ROUND_UP)
        rounded = rounded.clip(-RADIUS, RADIUS).astype(np.int32)
        return cls(scale, rounded[: int(np.flatnonzero(rounded).max(initial=-1)) + 1])


ROUND_UP = 0.4  # fractions below 1 less this become 0
NONE = Adaptation(0, np.zeros(0, np.int32))


def unit(scale: int) -> float:
    """Return the change that a coefficient of 1 stands for, in rows of the basis: powers of the root of 2."""
    return float(2.0 ** ((scale - UNIT_SCALE) / 2))


def scale_for(size: float) -> int:
    """Return the scale whose unit is nearest to a size >= 0 by its logarithm."""
    return int(np.clip(round(2 * np.log2(max(size, unit(0)))) + UNIT_SCALE, 0, N_SCALES - 1))


def curvature(luma_step: float, n_pixels: int) -> float:
    """Return c of D ~ c r^2: how the squared error of a picture, summed over RGB samples, grows with r rows."""
    return float(luma_step**2 * (n_pixels / REFERENCE_PIXELS) * (luma_step / REFERENCE_STEP) ** (-2 * STEP_POWER))


def offsets_of(adaptation: Adaptation, basis: np.ndarray) -> np.ndarray | None:
    """Return the offsets of an adaptation, float32 (offsets,), None for no change. basis: float32 (64, offsets)."""
    values = adaptation.coefficients
    if not len(values) or not len(basis):
        return None
    offsets: np.ndarray = np.float32(unit(adaptation.scale)) * values.astype(np.float32) @ basis[: len(values)]
    return offsets


def encode(coder: RangeEncoder, adaptation: Adaptation) -> float:
    """Write an adaptation into a stream and return the tables' estimate of its bits."""
    values = adaptation.coefficients
    coder.encode(np.array([len(values)], np.int32), _models().count)
    if not len(values):
        return 1.0
    bits = np.array([_geometric_bits(spread)[values + RADIUS].sum() for spread in range(len(RATIOS))])
    spread = int(bits.argmin())
    coder.encode(np.array([adaptation.scale, spread], np.int32), _models().field)
    coder.encode(values + RADIUS, _models().values[spread])
    return 1 + np.log2(DIRECTIONS) + _HEADER_BITS + float(bits[spread])


def decode(coder: RangeDecoder) -> tuple[Adaptation, float]:
    """Read an adaptation from a stream, and the estimate of its bits.

    Raises CorruptFile for what no encoder writes; damage can also go unnoticed and give other coefficients.
    """
    count = int(decode_run(coder, _models().count, 1)[0])
    if not count:
        return NONE, 1.0
    scale, spread = decode_run(coder, _models().field, 2)
    values = decode_run(coder, _models().values[spread], count) - RADIUS
    if not values[-1]:
        raise CorruptFile("the adaptation is not written as an encoder writes it; the file was damaged")
    bits = float(_geometric_bits(int(spread))[values + RADIUS].sum())
    return Adaptation(int(scale), values), 1 + np.log2(DIRECTIONS) + _HEADER_BITS + bits


@dataclass(frozen=True)
class _Models:
    """The coder's models: of the number of coefficients, of scale and spread, of coefficients by spread."""

    count: Any
    field: Any
    values: list[Any]


@functools.cache
def _models() -> _Models:
    count = np.full(DIRECTIONS + 1, (1 << TOTAL_BITS) // (2 * DIRECTIONS))
    count[0] = (1 << TOTAL_BITS) - count[1:].sum()
    return _Models(
        _categorical(count),
        constriction.stream.model.Uniform(N_SCALES),
        [_categorical(_frequencies(k)) for k in RATIOS],
    )


def _categorical(frequencies: np.ndarray) -> Any:
    return constriction.stream.model.Categorical(frequencies / 2.0**TOTAL_BITS, perfect=False)


@functools.cache
def _geometric_bits(spread: int) -> np.ndarray:
    """The bits of coefficients -40..40 under the table of a spread, (81,)."""
    return TOTAL_BITS - np.log2(_frequencies(RATIOS[spread]))


@functools.cache
def _frequencies(k: int) -> np.ndarray:
    """The frequencies of coefficients -40..40, int64 (81,), in whole numbers throughout."""
    weights = [k ** abs(q) * 32 ** (RADIUS - abs(q)) for q in range(-RADIUS, RADIUS + 1)]
    total = sum(weights)
    counts = [max(1, (weight << TOTAL_BITS) // total) for weight in weights]
    counts[RADIUS] += (1 << TOTAL_BITS) - sum(counts)
    return np.array(counts, np.int64)
