"""The two models of `models.srvae.srvae` are described by frozen dataclasses; their sizes have names here."""

from __future__ import annotations

from dataclasses import dataclass

from hvaecodec.models.srvae.dense import Dense


@dataclass(frozen=True)
class VaeConfig:
    """The configuration of the single-level VAE gives the sizes of its nets.

    side: of the pictures. latent: channels of z, at a quarter of the side.
    """

    encode: Dense
    decode: Dense
    flow: Dense
    latent: int = 16
    side: int = 32


@dataclass(frozen=True)
class SrVaeConfig:
    """The configuration of the srVAE gives the sizes of its nets.

    encode_u, decode_y, encode_z: of q(u given y), p(y given u), q(z given x). z_prior_y, z_prior_u, z_prior: nets on y,
    on u and on both that give p(z given y, u). x_z, x: nets on z and on z with y that give p(x given y, z). latent:
    channels of u and of z, both at a quarter of the pictures' side.
    """

    encode_u: Dense
    decode_y: Dense
    encode_z: Dense
    z_prior_y: Dense
    z_prior_u: Dense
    z_prior: Dense
    x_z: Dense
    x: Dense
    flow: Dense
    latent: int = 16
    side: int = 32


# size -> model -> configuration; recipes name them
PRESETS: dict[str, dict[str, VaeConfig | SrVaeConfig]] = {
    "paper": {  # 34.28 and 39.27 million parameters
        "vae": VaeConfig(Dense(16, 8), Dense(128, 6), Dense(64, 5)),
        "srvae": SrVaeConfig(
            encode_u=Dense(64, 3), decode_y=Dense(128, 4), encode_z=Dense(16, 4), z_prior_y=Dense(32, 5),
            z_prior_u=Dense(64, 3, 3), z_prior=Dense(64, 3, 3), x_z=Dense(64, 8), x=Dense(64, 5, 3), flow=Dense(64, 5),
        ),
    },
    "cpu": {  # about two million each
        "vae": VaeConfig(Dense(8, 4), Dense(32, 4), Dense(16, 3)),
        "srvae": SrVaeConfig(
            encode_u=Dense(8, 3), decode_y=Dense(24, 3), encode_z=Dense(8, 3), z_prior_y=Dense(8, 3),
            z_prior_u=Dense(8, 3, 2), z_prior=Dense(8, 3, 2), x_z=Dense(24, 4), x=Dense(16, 4, 2), flow=Dense(16, 3),
        ),
    },
    "tiny": {
        "vae": VaeConfig(Dense(2, 1), Dense(8, 1), Dense(4, 1), latent=4, side=16),
        "srvae": SrVaeConfig(
            encode_u=Dense(4, 1), decode_y=Dense(8, 1), encode_z=Dense(2, 1), z_prior_y=Dense(4, 1),
            z_prior_u=Dense(4, 1), z_prior=Dense(4, 1), x_z=Dense(8, 1), x=Dense(4, 1), flow=Dense(4, 1),
            latent=4, side=16,
        ),
    },
}  # fmt: skip
