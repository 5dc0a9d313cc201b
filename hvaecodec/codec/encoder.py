"""From pixels to streams, at three efforts of search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.picture import error_gradient, to_coefficients
from hvaecodec.codec.search import Rounder, SearchConfig, channel_weights
from hvaecodec.codec.symbols import Decide, as_given, encode_symbols
from hvaecodec.codec.weights import Bitstream
from hvaecodec.models.generator import Generator

MAX_REFINED = 3 * 2**26  # coefficients; refining keeps five arrays of them, which would not fit beside larger ones


@dataclass(frozen=True)
class Encoding:
    """Level streams, coarse to fine, the model's estimate of their bits, and the symbols in them."""

    streams: list[bytes]
    est_bits: list[float]
    symbols: np.ndarray


def encode_picture(
    bitstream: Bitstream,
    generator: Callable[[], Generator],
    colour: np.ndarray,
    index: int,
    effort: int,
    config: SearchConfig | None = None,
) -> Encoding:
    """Streams of a uint8 (H, W) or (H, W, 3) picture at a step index.

    effort 0: plain rounding (for comparison). 1: rate-distortion optimised rounding in one pass. 2, 3: refined
    through the generator, which is asked for only then (pictures above 64 megapixels are not refined).
    """
    config = config or SearchConfig()
    steps = bitstream.delta[index] * bitstream.s
    coefficients = to_coefficients(colour, steps)
    grey = colour.ndim == 2

    def coded(decide: Decide) -> Encoding:
        grid = coefficients.shape[3], coefficients.shape[4]
        return Encoding(*encode_symbols(bitstream.arithmetic, bitstream.tables, grid, index, decide, grey))

    if effort == 0:
        return coded(as_given(np.rint(coefficients).astype(np.int16)))
    s = bitstream.s.numpy()
    best = coded(Rounder(coefficients, s, bitstream.tables, config))
    passes = config.passes[effort - 1]
    if passes == 0 or coefficients.size > MAX_REFINED:
        return best
    # Where the gradient of the generator's error says a coefficient should have been; see `search`.
    targets, now, best_cost = coefficients, best, np.inf
    curvature = 2 * channel_weights(s)[..., None, None] * float(bitstream.delta[index]) ** 2
    price = config.lagrangian * float(bitstream.delta[index]) ** 2
    for turn in range(passes + 1):
        error, gradient = error_gradient(generator(), now.symbols, steps, index, colour)
        cost = error / 3 + price * sum(now.est_bits)
        if cost < best_cost:
            best, best_cost = now, cost
        if turn == passes:
            break
        wanted = now.symbols - gradient / 3 / curvature
        targets = targets + config.rate * (wanted - targets)
        targets = np.clip(targets, coefficients - config.reach, coefficients + config.reach)
        now = coded(Rounder(targets, s, bitstream.tables, config))
    return best
