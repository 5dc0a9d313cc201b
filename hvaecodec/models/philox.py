"""The random numbers of a decoder at temperature > 0 depend only on seed, latent number and place.

Every sample takes one 64-bit word of Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
2011). It counts instead of going on from a state, so a strip gets exactly the numbers that the whole picture would give
it. docs/FORMAT.md, "Random numbers", is the norm. A latent number names what is drawn: a scale of the photo codec's
latents, a layer of HQA, a map of a texture's noise.
"""

from __future__ import annotations

from operator import index

import numpy as np

from hvaecodec.models.ndtri import ndtri

_BLOCK = 4  # words that one counter gives


def words(seed: int, latent_number: int, first: int, count: int) -> np.ndarray:
    """Return `count` raw words, uint64, from word `first` on, of the stream with key (seed, latent number).

    Raises ValueError unless both lie in 0..2**64-1, TypeError unless they are integers.
    """
    for name, value in (("seed", index(seed)), ("latent_number", index(latent_number))):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} must lie in 0..2**64-1, got {value}")
    blocks, skip = divmod(first, _BLOCK)
    generator = np.random.Philox(key=np.array([seed, latent_number], np.uint64)).advance(blocks)
    return generator.random_raw(skip + count)[skip:]


def uniforms(
    seed: int,
    latent_number: int,
    grid: tuple[int, int, int],
    first_row: int,
    n_rows: int,
    *,
    columns: slice = slice(None),
) -> np.ndarray:
    """Return numbers above 0 and below 1 for some rows of a latent, float64 (channels, n_rows, columns).

    grid: (rows, columns, channels) of the whole latent; rows past its end have numbers too. columns: which of them,
    without a step. Raises as `words` does.
    """
    _, n_columns, channels = grid
    row = n_columns * channels
    first, past, _ = columns.indices(n_columns)
    if (first, past) == (0, n_columns):
        raw = words(seed, latent_number, first_row * row, n_rows * row)
    else:  # so that what a part of a wide picture costs does not grow with the width
        starts = ((first_row + i) * row + first * channels for i in range(n_rows))
        raw = np.concatenate([words(seed, latent_number, start, (past - first) * channels) for start in starts])
    top_bits = raw >> np.uint64(12)
    values = (top_bits.astype(np.float64) + 0.5) / 2**52  # exact; with one more bit the largest would round to 1
    return np.ascontiguousarray(values.reshape(n_rows, past - first, channels).transpose(2, 0, 1))


def normals(
    seed: int,
    latent_number: int,
    grid: tuple[int, int, int],
    first_row: int,
    n_rows: int,
    *,
    columns: slice = slice(None),
) -> np.ndarray:
    """Return standard normal numbers for some rows of a latent, float64 (channels, n_rows, columns).

    They are the inverse of the normal distribution function at `uniforms`, whose arguments and errors they share.
    """
    return ndtri(uniforms(seed, latent_number, grid, first_row, n_rows, columns=columns))
