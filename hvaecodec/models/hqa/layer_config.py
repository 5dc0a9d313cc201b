"""The sizes of a layer of the hierarchical quantised autoencoder, and how far its nets see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerConfig:
    """The configuration of a layer says how wide its nets are and how many codes it has.

    inputs: channels of the target. encoder, decoder: widths. dim, codes: of the codebook. blocks: residual blocks in
    the encoder and in the decoder. stride: 2 halves the grid, 1 keeps it. outputs: channels that the decoder makes, 0
    for those of the target.
    """

    inputs: int
    encoder: int
    decoder: int
    dim: int = 64
    codes: int = 256
    blocks: int = 0
    stride: int = 2
    outputs: int = 0

    @property
    def radius(self) -> int:
        """How many of its cells around a place what the layer encodes or decodes depends on.

        They are one for a 3x3 convolution, two for every residual block, and half of two more at twice the side.
        """
        return 2 + 2 * self.blocks
