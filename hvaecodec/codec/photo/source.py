"""A picture as the encoder's search sees it: its coefficients, what errors in them cost, and the walk to encode it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.curvature import channel_weights
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.codec.photo.streams import Decide, Encoding, encode_symbols
from hvaecodec.codec.photo.weights import PhotoWeights


@dataclass(frozen=True)
class Source:
    """A uint8 (H, W) or (H, W, 3) picture at a step index.

    coefficients: float32 (3, 32, 32, rows, columns) in units of their steps. curvature: (3, 32, 32), the generator's.
    weight: (3, 32, 32), the mean squared RGB error of an error of one step in the picture, in squared luma steps.
    """

    weights: PhotoWeights
    pixels: np.ndarray
    step_index: int
    coefficients: np.ndarray
    curvature: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, weights: PhotoWeights, pixels: np.ndarray, step_index: int, config: SearchConfig) -> Source:
        """Transform a picture and weigh its errors, as far as the search is to trust the generator's curvature."""
        coefficients = weights.nets.coefficients(pixels, step_index)
        curvature = np.maximum(weights.curvature.at(step_index), config.floor) ** config.trust
        weight = channel_weights(weights.bitstream.s) * curvature
        return cls(weights, pixels, step_index, coefficients, curvature, weight)

    def encode(self, decide: Decide) -> Encoding:
        """Walk down the prior once and encode the symbols that `decide` chooses."""
        bitstream = self.weights.bitstream
        frame = Frame(self.coefficients.shape[3:], self.step_index, grey=self.pixels.ndim == 2)
        return encode_symbols(bitstream.prior, bitstream.tables, frame, decide)
