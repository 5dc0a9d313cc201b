"""From pixels to level streams, at three efforts of search."""

from __future__ import annotations

import numpy as np

from hvaecodec.codec.photo.choose_by_price import choose_by_price
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.refine import MAX_REFINED, Refiner
from hvaecodec.codec.photo.search import Rounder, SearchConfig, once
from hvaecodec.codec.photo.slices import join_encodings
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Encoding as Encoding
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.photo.weights import PhotoWeights
from hvaecodec.models.photo.layout import TILE

_DEFAULT = SearchConfig()


def encode_picture(
    weights: PhotoWeights, pixels: np.ndarray, step_index: int, effort: int, config: SearchConfig = _DEFAULT
) -> Encoding:
    """Encode a uint8 (H, W) or (H, W, 3) picture at a step index, and return its streams and context.

    effort 0 rounds plainly (for comparison). 1 rounds by rate and distortion in one pass. 2 and 3 refine that and adapt
    the generator, through the newest generator, which is loaded only then; 3 also chooses the DCT blocks by what the
    prior asks for them. Pictures above 64 megapixels are not refined.
    """
    frame = Frame.of(pixels.shape[0], pixels.shape[1], step_index, grey=pixels.ndim == 2)
    passes = config.passes[effort - 1] if effort else 0
    refined = passes > 0 and pixels.shape[0] * pixels.shape[1] <= MAX_REFINED
    sources, parts = [], []
    for rows in frame.slices:
        part, own = pixels[rows.start * TILE : rows.stop * TILE], frame.within(rows)
        shapes = choose_by_price(weights, part, own, config) if effort and config.priced[effort - 1] else None
        source = Source.of(weights, own, weights.nets.analyse(part, step_index, shapes), config)
        parts.append(encode_once(source, config, plain=effort == 0, refined=refined))
        if refined:
            sources.append(source)
    if refined:
        parts = Refiner(sources, pixels, config).refine(parts, passes)
    return join_encodings(parts)


def encode_once(source: Source, config: SearchConfig, *, plain: bool, refined: bool) -> Encoding:
    """Encode a slice in one walk, plainly rounded or by rate and distortion. refined: whether that is a beginning."""
    if plain:
        return source.encode(repeat(np.rint(source.coefficients).astype(np.int16)))
    config = once(config, source.frame.step_index, refined)
    return source.encode(Rounder(source.coefficients, source.weight, source.weights.bitstream.tables, config))
