"""From pixels to level streams, at three efforts of search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.photo import late_coefficients
from hvaecodec.codec.photo.choose_by_price import choose_by_price
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.late_coefficients import LateCoefficients
from hvaecodec.codec.photo.nets import Analysis
from hvaecodec.codec.photo.refine import MAX_REFINED, Refiner
from hvaecodec.codec.photo.search import Rounder, SearchConfig, once
from hvaecodec.codec.photo.slices import join_encodings
from hvaecodec.codec.photo.source import Source
from hvaecodec.codec.photo.streams import Encoding as Encoding
from hvaecodec.codec.photo.streams import Wanted, repeat
from hvaecodec.codec.photo.weights import PhotoWeights
from hvaecodec.models.photo.layout import TILE

_DEFAULT = SearchConfig()


def encode_picture(
    weights: PhotoWeights, pixels: np.ndarray, step_index: int, effort: int, config: SearchConfig = _DEFAULT
) -> Encoding:
    """Encode a uint8 (H, W) or (H, W, 3) picture at a step index, and return its streams and context.

    effort 0 rounds plainly (for comparison). 1 rounds by rate and distortion in one pass. 2 and 3 refine that and adapt
    the generator, through the newest generator, which is loaded only then. Pictures above 64 megapixels are not
    refined; 3 chooses their DCT blocks by what the prior asks for them.
    """
    frame = Frame.of(pixels.shape[0], pixels.shape[1], step_index, grey=pixels.ndim == 2)
    encoder = SliceEncoder(weights, effort, config, refined=is_refined(pixels.shape, effort, config))
    sources, parts = [], []
    for rows in frame.slices:
        source, part = encoder.encode(pixels[rows.start * TILE : rows.stop * TILE], frame.within(rows))
        parts.append(part)
        if encoder.refined:
            sources.append(source)
    if encoder.refined:
        parts = Refiner(sources, pixels, config).refine(parts, config.passes[effort - 1])
    return join_encodings(parts)


def is_refined(shape: tuple[int, ...], effort: int, config: SearchConfig = _DEFAULT) -> bool:
    """Return whether a picture, (H, W) or (H, W, 3), is refined at an effort, for which it is looked at whole."""
    return effort > 0 and config.passes[effort - 1] > 0 and shape[0] * shape[1] <= MAX_REFINED


@dataclass(frozen=True)
class SliceEncoder:
    """Encodes the slices of a picture, each on its own. refined: whether what comes of it is a beginning."""

    weights: PhotoWeights
    effort: int
    config: SearchConfig = _DEFAULT
    refined: bool = False

    def encode(self, pixels: np.ndarray, frame: Frame, wanted: Wanted = Wanted.BOTH) -> tuple[Source, Encoding]:
        """Encode the rows of a slice, uint8 (H, W) or (H, W, 3). frame: of the slice. A beginning has no streams."""
        priced = self.effort > 0 and not self.refined and self.config.priced[self.effort - 1]
        shapes = choose_by_price(self.weights, pixels, frame, self.config) if priced else None
        source = Source.of(self.weights, frame, self._analysis(pixels, frame, shapes), self.config)
        if self.effort == 0:
            return source, source.encode(repeat(np.rint(source.coefficients).astype(np.int16)), wanted=wanted)
        config = once(self.config, frame.step_index, self.refined)
        rounder = Rounder(source.coefficients, source.weight, self.weights.bitstream.tables, config)
        return source, source.encode(rounder, wanted=Wanted.SYMBOLS if self.refined else wanted)

    def _analysis(self, pixels: np.ndarray, frame: Frame, shapes: np.ndarray | None) -> Analysis | LateCoefficients:
        """Analyse a slice; a wide one that is rounded once, and no more, gives its coefficients as they are needed."""
        if self.effort and not self.refined and frame.grid[1] >= late_coefficients.LEAST_COLUMNS:
            return LateCoefficients(self.weights.nets, pixels, frame, shapes)
        return self.weights.nets.analyse(pixels, frame.step_index, shapes)

    def streams(self, pixels: np.ndarray, frame: Frame) -> list[bytes]:
        """Encode the rows of a slice as `encode` does, and keep its level streams alone."""
        return self.encode(pixels, frame, Wanted.STREAMS)[1].streams
