"""The sizes of the generator of `dct-vae-photo`: what whoever runs its net, and whoever feeds it, has to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from hvaecodec.models.photo.block_shapes import HALF, SHAPES

LOG_SIGMA_RANGE = (-6.0, 3.0)
RADIUS = 160  # pixels that a picture depends on, at most, each way
COARSEST_FOLD = HALF  # the scale whose cells are quadrants
MAPS = 2 * (len(SHAPES) + 4)  # channels of a shape map: luma's, then chroma's


@dataclass(frozen=True)
class ScaleConfig:
    """One scale of the generator, whose sides are 1/`fold` of the picture's.

    width: channels of the state. blocks: residual blocks. latent: channels of z. context_side: kernel of the context's
    convolution.
    """

    fold: int
    width: int
    blocks: int
    latent: int
    context_side: int = 1


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator's widths.

    scales: coarse to fine. encoder: width of the posterior's encoder, 0 for a net without posterior, which only draws.
    latents: False removes every latent, for the ablation.
    """

    scales: tuple[ScaleConfig, ...] = (
        ScaleConfig(32, 96, 1, 8),
        ScaleConfig(16, 128, 3, 8),
        ScaleConfig(8, 160, 6, 8),
        ScaleConfig(4, 96, 6, 6, context_side=3),
        ScaleConfig(2, 32, 1, 3, context_side=3),
    )
    encoder: int = 48
    latents: bool = field(default=True)

    @property
    def offsets(self) -> int:
        """How many offsets the net takes: a gain and a shift of every channel of every block, scale by scale."""
        return sum(2 * scale.width * scale.blocks for scale in self.scales)
