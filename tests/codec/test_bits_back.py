"""Bits-back coding: lossless chains whose net bits are what the model says, refused where floats differ."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hvaecodec.codec.bits_back import BitsBack
from hvaecodec.codec.errors import CodecError, CorruptFile, ModelMismatch
from hvaecodec.codec.stack_normals import Grid
from hvaecodec.models.vdvae import Vdvae
from hvaecodec.models.vdvae_presets import net


def made(name: str, seed: int = 0) -> Vdvae:
    torch.manual_seed(seed)
    vae = Vdvae(net(f"{name}-tiny"))
    for parameter in vae.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return vae


def pictures(vae: Vdvae, n: int) -> np.ndarray:
    c = vae.config
    rng = np.random.default_rng(0)
    smooth = rng.random((n, c.channels, 4, 4)).repeat(c.side // 4, 2).repeat(c.side // 4, 3)
    return (smooth * vae.likelihood.levels).astype(np.uint8)


@pytest.mark.parametrize(
    "name", ["mnist-vdvae", "mnist-r3", "mnist-dct-autoregressive", "cifar10-small-vdvae", "cifar10-small-dct-autoregressive"]
)  # fmt: skip
def test_a_chain_is_lossless_and_costs_what_the_model_says(name):
    vae = made(name)
    x = pictures(vae, 2 if "cifar" in name else 4)
    coder = BitsBack(vae)
    chain = coder.encode(x)
    assert np.array_equal(coder.decode(chain.data), x)
    assert sum(chain.net_bits) == pytest.approx(sum(chain.model_bits), rel=0.005)
    overhead = 8 * len(chain.data) - sum(chain.net_bits) - chain.initial_bits
    assert 0 <= overhead <= 8 * 24 + 64  # the head, the checksum and the last words


def test_the_bits_come_back(monkeypatch):
    """Without them a picture costs all its latents as well: more bits than there are units."""
    vae = made("mnist-r3")
    x = pictures(vae, 3)
    coder = BitsBack(vae)
    net = sum(coder.encode(x).net_bits) / 3
    latents = sum(z * h * w for z, h, w in vae.latent_shapes)

    def kept(grid, coder, q):  # the modes, for which no bits leave the stack
        return grid.points(q.mean)

    monkeypatch.setattr(Grid, "pop_sample", kept)
    assert sum(coder.encode(x).net_bits) / 3 > net + latents


def test_every_number_that_codes_is_in_the_fingerprint():
    """The prior of the context, which no latent depends on, too."""
    vae = made("mnist-dct-autoregressive")
    data = BitsBack(vae).encode(pictures(vae, 1)).data
    for part in (vae.context_prior.layers[-1], vae.leave, vae.layers[0].prior.last):
        kept = part.bias.data.clone()
        part.bias.data += 0.01
        with pytest.raises(ModelMismatch):
            BitsBack(vae).decode(data)
        part.bias.data = kept
    assert len(BitsBack(vae).decode(data)) == 1


def test_other_nets_and_damaged_chains_are_refused():
    vae = made("mnist-vdvae")
    coder = BitsBack(vae)
    data = coder.encode(pictures(vae, 1)).data
    with pytest.raises(ModelMismatch, match="fingerprint"):
        BitsBack(made("mnist-vdvae", seed=1)).decode(data)
    for damaged in (data[:-1], data[:9], b"", data + b"\0", data[:40] + bytes([data[40] ^ 4]) + data[41:]):
        with pytest.raises(CodecError):
            coder.decode(damaged)
    with pytest.raises(CorruptFile, match="checksum"):
        coder.decode(data[:-1] + bytes([data[-1] ^ 1]))


def test_no_pictures_make_an_empty_chain():
    vae = made("mnist-vdvae")
    coder = BitsBack(vae)
    assert coder.decode(coder.encode(pictures(vae, 0)).data).shape == (0, 1, 28, 28)


def test_a_bound_is_nothing_to_code_with():
    with pytest.raises(ValueError, match="autoregressive"):
        BitsBack(made("mnist-dct"))
