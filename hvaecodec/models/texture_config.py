"""The sizes of a texture: what whoever runs its net, and whoever feeds it, has to know."""

from __future__ import annotations

from dataclasses import dataclass

FOLD = 4  # sides of pictures are multiples of it
RADIUS = 64  # pixels that a texture depends on, at most, each way
FIRST_NOISE = 5  # maps of noise have the latent numbers after those of what else a decoder draws


@dataclass(frozen=True)
class TextureConfig:
    """The configuration of a texture says how wide and how deep its net is.

    quarter, half: widths at a quarter and at half of the picture's side, with so many residual blocks each. noise:
    channels of the noise that enters each. Raises ValueError if so many blocks see farther than `RADIUS` pixels.
    """

    quarter: int = 64
    quarter_blocks: int = 5
    half: int = 32
    half_blocks: int = 3
    noise: int = 4

    def __post_init__(self) -> None:
        if FOLD * (self.quarter_blocks + 1) + 2 * (self.half_blocks + 2) > RADIUS:
            raise ValueError(f"a texture of so many blocks sees farther than {RADIUS} pixels")
