"""From pixels to streams, at three efforts of search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.picture import error_gradient, to_coefficients
from hvaecodec.codec.search import Rounder, SearchConfig, channel_weights
from hvaecodec.codec.symbols import Decide, as_given, encode_symbols
from hvaecodec.codec.weights import Bitstream
from hvaecodec.models.context_price import context_prices
from hvaecodec.models.generator import Generator

MAX_PRICED = 3 * 2**22  # coefficients; the gradient of the prior's bits keeps every activation
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
    through the generator, which is asked for only then; 3 also prices what a symbol costs later. Pictures above 64
    megapixels are not refined, above 4 not priced.
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

    def rounded(targets: np.ndarray, context: np.ndarray | None = None) -> Encoding:
        return coded(Rounder(targets, s, bitstream.tables, config, context))

    first = rounded(coefficients)
    if config.passes[effort - 1] == 0 or coefficients.size > MAX_REFINED:
        return first
    return _refine(bitstream, generator(), colour, index, coefficients, first, rounded, effort, config)


def _refine(
    bitstream: Bitstream,
    generator: Generator,
    colour: np.ndarray,
    index: int,
    coefficients: np.ndarray,
    now: Encoding,
    rounded: Callable[[np.ndarray, np.ndarray | None], Encoding],
    effort: int,
    config: SearchConfig,
) -> Encoding:
    """The best of several walks, each with targets moved to where the generator's error gradient points.

    With x_hat(q) the generator's picture of symbols q and w the squared error that a unit error would make without
    it, D(q') ~ D(q) + g (q' - q) + w (q' - q)^2, whose minimum q - g / 2w is what the coefficient should have been.
    """
    delta = float(bitstream.delta[index])
    steps = bitstream.delta[index] * bitstream.s
    weight = 3 * delta**2 * channel_weights(bitstream.s.numpy())[..., None, None]  # over the RGB samples
    with_context = effort == 3 and coefficients.size <= MAX_PRICED
    best, best_cost, targets = now, np.inf, coefficients
    for turn in range(config.passes[effort - 1] + 1):
        error, gradient = error_gradient(generator, now.symbols, steps, index, colour)
        cost = error + 3 * config.lagrangian * delta**2 * sum(now.est_bits)
        if cost < best_cost:
            best, best_cost = now, cost
        if turn == config.passes[effort - 1]:
            break
        gradient /= -2 * weight
        gradient += now.symbols
        gradient -= targets
        gradient *= config.rate
        targets = np.add(targets, gradient, out=gradient)
        np.clip(targets, coefficients - config.reach, coefficients + config.reach, out=targets)
        context = context_prices(bitstream.twin, now.symbols, index) if with_context else None
        now = rounded(targets, context)
    return best
