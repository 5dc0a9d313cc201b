"""From pixels to level streams, at three efforts of search."""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.photo.refine import MAX_REFINED, Refiner
from hvaecodec.codec.photo.search import Rounder, SearchConfig
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Encoding as Encoding
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.photo.weights import PhotoWeights

_DEFAULT = SearchConfig()


def encode_picture(
    weights: PhotoWeights, pixels: np.ndarray, step_index: int, effort: int, config: SearchConfig = _DEFAULT
) -> Encoding:
    """Encode a uint8 (H, W) or (H, W, 3) picture at a step index, and return its streams and symbols.

    effort 0 rounds plainly (for comparison). 1 rounds by rate and distortion in one pass. 2 and 3 refine that through
    the newest generator, which is loaded only then; 3 also counts what a symbol costs later. Pictures above 64
    megapixels are not refined, and above 4 nothing is counted later.
    """
    source = Source.of(weights, pixels, step_index, config)
    if effort == 0:
        return source.encode(repeat(np.rint(source.coefficients).astype(np.int16)))
    once = source.encode(Rounder(source.coefficients, source.weight, weights.bitstream.tables, config))
    passes = config.passes[effort - 1]
    if passes == 0 or source.coefficients.size > MAX_REFINED:
        return once
    return Refiner(source, config, with_later=effort == 3).refine(once, passes)
