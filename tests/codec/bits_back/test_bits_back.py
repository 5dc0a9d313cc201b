"""Bits-back coding: lossless chains whose net bits are what the model says, refused where floats differ."""

from __future__ import annotations

import math

import constriction
import numpy as np
import pytest
import torch

from hvaecodec.codec.bits_back import flow
from hvaecodec.codec.bits_back.chain import BitsBack
from hvaecodec.codec.bits_back.gaussian_grid import Grid
from hvaecodec.codec.errors import CodecError, CorruptFile, ModelMismatch
from hvaecodec.models.srvae.config import PRESETS
from hvaecodec.models.srvae.dense import Dense
from hvaecodec.models.srvae.realnvp import Coupling, RealNVP
from hvaecodec.models.srvae.srvae import SingleVae, SrVae, make
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import net


def make_net(name: str, seed: int = 0) -> Vdvae | SrVae | SingleVae:
    torch.manual_seed(seed)
    vae = make(PRESETS["tiny"][name]) if name in PRESETS["tiny"] else Vdvae(net(f"{name}-tiny"))
    for parameter in vae.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    for coupling in (module for module in vae.modules() if isinstance(module, Coupling)):
        # else some latents lie ten deviations out, where no alphabet is as dear as p
        for parameter in coupling.last.parameters():
            parameter.data *= 0.3
    return vae


def pictures(vae: Vdvae | SrVae | SingleVae, n: int) -> np.ndarray:
    side = vae.config.side
    channels, levels = (vae.config.channels, vae.likelihood.levels) if isinstance(vae, Vdvae) else (3, 256)
    rng = np.random.default_rng(0)
    smooth = rng.random((n, channels, 4, 4)).repeat(side // 4, 2).repeat(side // 4, 3)
    return (smooth * levels).astype(np.uint8)


@pytest.mark.parametrize(
    "name",
    [
        "mnist-vdvae", "mnist-r3", "mnist-dct-autoregressive", "cifar10-small-vdvae",
        "cifar10-small-dct-autoregressive", "srvae", "vae",
    ],
)  # fmt: skip
def test_a_chain_is_lossless_and_costs_what_the_model_says(name):
    vae = make_net(name)
    x = pictures(vae, 2 if "cifar" in name else 4)
    coder = BitsBack(vae)
    chain = coder.encode(x)
    assert np.array_equal(coder.decode(chain.data), x)
    assert sum(chain.net_bits) == pytest.approx(sum(chain.model_bits), rel=0.005)
    overhead = 8 * len(chain.data) - sum(chain.net_bits) - chain.initial_bits
    assert 0 <= overhead <= 8 * 24 + 64  # the head, the checksum and the last words


def test_the_bits_come_back(monkeypatch):
    """Without them a picture costs all its latents as well: more bits than there are units."""
    vae = make_net("mnist-r3")
    x = pictures(vae, 3)
    coder = BitsBack(vae)
    net = sum(coder.encode(x).net_bits) / 3
    latents = sum(z * h * w for z, h, w in vae.latent_shapes)

    def pop_modes(grid, coder, q):  # the modes, for which no bits leave the stack
        return grid.points(q.mean)

    monkeypatch.setattr(Grid, "pop_sample", pop_modes)
    assert sum(coder.encode(x).net_bits) / 3 > net + latents


@pytest.mark.parametrize("name", ["srvae", "vae"])
def test_pictures_unlike_any_other_are_lossless_too(name):
    """Latents far from their prior's middle: the least probability of an alphabet makes them cheap."""
    vae = make_net(name)
    for coupling in (module for module in vae.modules() if isinstance(module, Coupling)):
        coupling.last.bias.data += torch.randn_like(coupling.last.bias)
    noise = np.random.default_rng(1).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    x = np.concatenate([noise, np.zeros_like(noise[:1]), np.full_like(noise[:1], 255)])
    chain = BitsBack(vae).encode(x)
    assert np.array_equal(BitsBack(vae).decode(chain.data), x)
    assert sum(chain.net_bits) < sum(chain.model_bits)


def test_a_flow_pays_its_determinant():
    """Far from one the scales, so that a coder without them would be hundreds of bits off; and latents out of reach."""
    torch.manual_seed(0)
    net = RealNVP((4, 4, 4), Dense(3, 2)).requires_grad_(False)
    for coupling in (module for module in net.modules() if isinstance(module, Coupling)):
        coupling.last.bias.copy_(torch.rand_like(coupling.last.bias))
    z = net.inverse(torch.randn(1, 4, 4, 4))
    points = flow.GRID.points(z)
    coder = constriction.stream.stack.AnsCoder(np.random.default_rng(0).integers(0, 2**32, 2000, dtype=np.uint32))
    before = coder.get_compressed()
    bits = coder.num_valid_bits()
    flow.push_latents(coder, net, points)
    bits = coder.num_valid_bits() - bits
    density = float(net.log_prob(z) + 64 * math.log(flow.GRID.step)) / -math.log(2)
    assert abs(float(net(z)[1])) / math.log(2) > 50
    assert bits == pytest.approx(density, abs=5)
    assert np.array_equal(flow.pop_latents(coder, net), points)
    assert np.array_equal(coder.get_compressed(), before)
    with pytest.raises(CodecError, match="too far"):
        flow.push_latents(coder, net, points + 10**6)


def test_every_number_that_codes_is_in_the_fingerprint():
    """The prior of the context, which no latent depends on, too."""
    vae = make_net("mnist-dct-autoregressive")
    data = BitsBack(vae).encode(pictures(vae, 1)).data
    for part in (vae.context_prior.layers[-1], vae.leave, vae.layers[0].prior.last):
        bias = part.bias.data.clone()
        part.bias.data += 0.01
        with pytest.raises(ModelMismatch):
            BitsBack(vae).decode(data)
        part.bias.data = bias
    assert len(BitsBack(vae).decode(data)) == 1


def test_every_part_of_an_srvae_is_in_the_fingerprint():
    vae = make_net("srvae")
    fingerprint = BitsBack(vae).fingerprint()
    for part in (vae.q_u, vae.q_z, vae.p_y, vae.p_z, vae.p_x, vae.p_u.fine[0], vae.p_u.coarse[-1]):
        bias = next(p for name, p in part.named_parameters() if name.endswith("bias"))
        bias.data += 0.01
        assert BitsBack(vae).fingerprint() != fingerprint
        bias.data -= 0.01


def test_other_nets_and_damaged_chains_are_refused():
    vae = make_net("mnist-vdvae")
    coder = BitsBack(vae)
    data = coder.encode(pictures(vae, 1)).data
    with pytest.raises(ModelMismatch, match="fingerprint"):
        BitsBack(make_net("mnist-vdvae", seed=1)).decode(data)
    for damaged in (data[:-1], data[:9], b"", data + b"\0", data[:40] + bytes([data[40] ^ 4]) + data[41:]):
        with pytest.raises(CodecError):
            coder.decode(damaged)
    with pytest.raises(CorruptFile, match="checksum"):
        coder.decode(data[:-1] + bytes([data[-1] ^ 1]))


def test_no_pictures_make_an_empty_chain():
    vae = make_net("mnist-vdvae")
    coder = BitsBack(vae)
    assert coder.decode(coder.encode(pictures(vae, 0)).data).shape == (0, 1, 28, 28)


def test_a_bound_is_nothing_to_code_with():
    with pytest.raises(ValueError, match="autoregressive"):
        BitsBack(make_net("mnist-dct"))
