"""From pixels to streams, at three efforts of search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.photo.curvature import Curvature, channel_weights
from hvaecodec.codec.photo.picture import error_gradient, to_coefficients
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.streams import Decide, as_given, encode_symbols
from hvaecodec.codec.photo.weights import Bitstream
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.later_bits import context_prices

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
    curvature: Curvature | None = None,
) -> Encoding:
    """Streams of a uint8 (H, W) or (H, W, 3) picture at a step index.

    effort 0: plain rounding (for comparison). 1: rate-distortion optimised rounding in one pass. 2, 3: refined
    through the generator, which is asked for only then; 3 also prices what a symbol costs later. Pictures above 64
    megapixels are not refined, above 4 not priced. curvature: of that generator; None is flat.
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
    curved = np.maximum((curvature or Curvature.flat()).at(index), config.floor) ** config.trust
    weight = channel_weights(bitstream.s.numpy()) * curved

    def rounded(targets: np.ndarray, context: np.ndarray | None = None) -> Encoding:
        return coded(Rounder(targets, weight, bitstream.tables, config, context))

    passes = config.passes[effort - 1]
    if passes == 0 or coefficients.size > MAX_REFINED:
        return rounded(coefficients)
    delta = float(bitstream.delta[index])
    net = generator()

    def judge(encoding: Encoding) -> tuple[float, np.ndarray]:
        """Distortion + lagrangian * bits, in squared grey levels, and where the gradient would have each symbol."""
        error, gradient = error_gradient(net, encoding.symbols, steps, index, colour)
        gradient /= (-2 * 3 * delta**2 * weight)[..., None, None]
        gradient += encoding.symbols
        return error + 3 * config.lagrangian * delta**2 * sum(encoding.est_bits), gradient

    def again(targets: np.ndarray, last: Encoding) -> Encoding:
        priced = effort == 3 and coefficients.size <= MAX_PRICED
        return rounded(targets, context_prices(bitstream.twin, last.symbols, index) if priced else None)

    slow = np.sqrt(np.minimum(curved, 1))[..., None, None].astype(np.float32)
    return _refine(coefficients, rounded(coefficients), judge, again, slow, passes, config)


def _refine(
    coefficients: np.ndarray,
    now: Encoding,
    judge: Callable[[Encoding], tuple[float, np.ndarray]],
    again: Callable[[np.ndarray, Encoding], Encoding],
    slow: np.ndarray,
    passes: int,
    config: SearchConfig,
) -> Encoding:
    """The best of several walks, each with targets nearer to where the generator's error gradient points.

    With x_hat(q) the generator's picture of symbols q and w its curvature, D(q') ~ D(q) + g (q' - q) + w (q' - q)^2,
    whose minimum q - g / 2w is what the coefficient should have been. All move at once, which the sum over single
    coefficients does not foresee, least where their own curvature is low beside what they share with others; hence
    `slow`, (3, 32, 32, 1, 1), and a walk that made things worse is taken back and tried at a slower pace.
    """
    pace = config.pace
    best, best_cost = now, np.inf
    targets = best_targets = wanted = coefficients
    for turn in range(passes + 1):
        cost, proposed = judge(now)
        if cost < best_cost:
            best, best_cost, best_targets, wanted = now, cost, targets, proposed
            pace = pace * config.faster if turn else pace
        else:
            pace *= config.slower
        if turn < passes:
            targets = best_targets + np.minimum(np.float32(1), np.float32(pace) * slow) * (wanted - best_targets)
            np.clip(targets, coefficients - config.reach, coefficients + config.reach, out=targets)
            now = again(targets, best)
    return best
