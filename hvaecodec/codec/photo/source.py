"""A slice as the encoder's search sees it: its coefficients, what errors in them cost, and the walk to encode it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hvaecodec.codec.photo.adaptation import NONE, Adaptation
from hvaecodec.codec.photo.by_shape import ByShape
from hvaecodec.codec.photo.curvature import channel_weights
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.late_coefficients import LateCoefficients
from hvaecodec.codec.photo.nets import Analysis
from hvaecodec.codec.photo.search import Coefficients, SearchConfig
from hvaecodec.codec.photo.streams import Decide, Encoding, Wanted
from hvaecodec.codec.photo.weights import PhotoWeights


@dataclass(frozen=True)
class Source:
    """A slice of a picture at a step index, its shapes chosen.

    coefficients: float32 (3, 32, 32, rows, columns) in units of their steps, or what gives those of a wide slice.
    curvature: the generator's. weight: the mean squared RGB error of an error of one step in the picture, in squared
    luma steps.
    """

    weights: PhotoWeights
    frame: Frame
    coefficients: Coefficients
    curvature: ByShape
    weight: ByShape

    @classmethod
    def of(
        cls, weights: PhotoWeights, frame: Frame, analysis: Analysis | LateCoefficients, config: SearchConfig
    ) -> Source:
        """Weigh a picture's errors as far as the search is to trust the generator's curvature."""
        curvature = np.maximum(weights.curvature.at(frame.step_index), config.floor) ** config.trust
        weight = channel_weights(weights.bitstream.s) * curvature
        by_shape = (ByShape(table.astype(np.float32), analysis.shapes) for table in (curvature, weight))
        coefficients = analysis.coefficients if isinstance(analysis, Analysis) else analysis
        return cls(weights, frame, coefficients, *by_shape)

    @property
    def shapes(self) -> np.ndarray:
        """The maps of luma and chroma, int64 (2, 2 rows, 2 columns)."""
        return self.weight.shapes

    def encode(self, decide: Decide, adaptation: Adaptation = NONE, wanted: Wanted = Wanted.BOTH) -> Encoding:
        """Walk down the prior once and encode the symbols that `decide` chooses. adaptation: of the whole picture."""
        return self.weights.bitstream.coder.encode(self.frame, self.shapes, decide, adaptation, wanted)
