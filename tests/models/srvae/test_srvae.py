"""srVAE and its single-level twin: sizes of the paper, exact y, a bound that is one, the operations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from hvaecodec.models.srvae import srvae
from hvaecodec.models.srvae.config import PRESETS
from hvaecodec.models.srvae.dense import started_by
from hvaecodec.models.srvae.srvae import LIKELIHOOD, downscaled, make


def pictures(count: int, side: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(0)).float()


@pytest.fixture(scope="module", params=["vae", "srvae"])
def model(request):
    torch.manual_seed(0)
    net = make(PRESETS["tiny"][request.param])
    with started_by(net), torch.no_grad():
        net.terms(pictures(8))
    return net.requires_grad_(False)


@pytest.fixture(scope="module")
def sr():
    torch.manual_seed(0)
    return make(PRESETS["tiny"]["srvae"]).requires_grad_(False)


@pytest.mark.parametrize(("preset", "kind", "millions"), [("paper", "vae", 34.28), ("paper", "srvae", 39.27)])
def test_the_papers_sizes_have_its_parameters(preset, kind, millions):
    with torch.device("meta"):
        net = make(PRESETS[preset][kind])
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 2) == millions


def test_the_reduced_pair_has_equal_parameters():
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in make(config).parameters()) for config in PRESETS["cpu"].values()]
    assert 1.9e6 < min(sizes) and max(sizes) < 2.2e6 and max(sizes) / min(sizes) < 1.05


def test_y_is_the_8_bit_picture_that_pillow_makes():
    x = pictures(3, 32)
    y = downscaled(x)
    assert y.shape == (3, 3, 16, 16) and torch.equal(y, y.round()) and 0 <= float(y.min()) <= float(y.max()) <= 255
    first = Image.fromarray(x[0].byte().permute(1, 2, 0).numpy()).resize((16, 16), Image.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(first), y[0].byte().permute(1, 2, 0).numpy())


def test_the_likeliest_mixture_is_what_is_shown():
    parameters = torch.zeros(1, 10, 10, 1, 1)
    parameters[0, 3, 0] = 5  # the likeliest
    parameters[0, 3, 1:4, 0, 0] = torch.tensor([0.2, -0.4, 3.0])  # means, of a scale from -1 to 1
    parameters[0, 3, 7] = 1.0  # green moves with red
    mean = LIKELIHOOD.likeliest(parameters.reshape(1, 100, 1, 1))[0, :, 0, 0]
    red = 1.2 * 127.5
    green = 0.6 * 127.5 + np.tanh(1.0) * (red - 127.5)
    assert mean.tolist() == pytest.approx([red, green, 255.0], rel=1e-4)


def density(output, z):
    """log N(z) of a net's output, means and log variances, by torch."""
    mean, log_variance = output.float().chunk(2, 1)
    return torch.distributions.Normal(mean, torch.exp(0.5 * log_variance)).log_prob(z).flatten(1).sum(1)


def test_terms_are_minus_elbo(model):
    """log q - log p of what the nets give, at the latents that the noise makes."""
    x = pictures(2)
    terms = model.terms(x, torch.Generator().manual_seed(3))
    rng = torch.Generator().manual_seed(3)

    def sample_of(output):
        mean, log_variance = output.float().chunk(2, 1)
        return mean + torch.exp(0.5 * log_variance) * model.noise(2, rng)

    if isinstance(model, srvae.SrVae):
        y = downscaled(x)
        of_u, of_z = model.q_u(y / 255), model.q_z(x / 255)
        u, z = sample_of(of_u), sample_of(of_z)
        inputs = torch.cat([torch.nn.functional.elu(model.p_z_y(y / 255)), model.p_z_u(u)], 1)
        expected = {
            "re_x": -LIKELIHOOD.log_prob(model.x_parameters(y, z), x),
            "re_y": -LIKELIHOOD.log_prob(model.p_y(u), y),
            "kl_z": density(of_z, z) - density(model.p_z(inputs), z),
            "kl_u": density(of_u, u) - model.p_u.log_prob(u),
        }
    else:
        of_z = model.q_z(x / 255)
        z = sample_of(of_z)
        expected = {"re_x": -LIKELIHOOD.log_prob(model.p_x(z), x), "kl_z": density(of_z, z) - model.p_z.log_prob(z)}
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-3)


def test_every_weight_is_trained():
    torch.manual_seed(0)
    for config in PRESETS["tiny"].values():
        net = make(config)
        with started_by(net), torch.no_grad():
            net.terms(pictures(8))
        sum(net.terms(pictures(2)).values()).sum().backward()
        assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
        # one weight alone has no direction to learn, only a length: its gradient is zero up to rounding
        directed = {name: p for name, p in net.named_parameters() if p.ndim == 1 or p[0].numel() > 1}
        dead = [name for name, p in directed.items() if float(p.grad.abs().max()) == 0]
        assert dead == []


def test_generation_and_reconstruction(model):
    x = pictures(3)
    generated = model.generate(2, torch.Generator().manual_seed(0))
    generated = generated[1] if isinstance(generated, tuple) else generated
    again = model.reconstruct(x, torch.Generator().manual_seed(0))
    line = model.interpolate(x[:2], x[1:], 4)
    assert generated.shape == (2, 3, 16, 16) and again.shape == x.shape and line.shape == (2, 4, 3, 16, 16)
    for picture in (generated, again, line):
        assert torch.equal(picture, picture.round()) and 0 <= float(picture.min()) <= float(picture.max()) <= 255


def test_super_resolution_at_temperature_0_needs_no_chance(sr):
    y = downscaled(pictures(2))
    first, second = (sr.super_resolve(y, 0.0, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    sampled = [sr.super_resolve(y, 1.0, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(first, second) and first.shape == (2, 3, 16, 16)
    assert torch.equal(sampled[0], sampled[1]) and not torch.equal(sampled[0], sampled[2])


def test_generative_reconstruction_sees_y_alone(sr):
    """Two pictures with one y give the same result under the same noise; a plain reconstruction tells them apart."""
    x = pictures(1)
    y = downscaled(x)
    nudged = [
        x + torch.eye(256)[i].reshape(1, 1, 16, 16) * torch.tensor([1.0, 0, 0]).reshape(3, 1, 1) for i in range(99)
    ]
    other = next(picture for picture in nudged if torch.equal(downscaled(picture), y) and float(picture.max()) < 256)
    (y1, x1), (y2, x2) = (sr.generative_reconstruct(p, torch.Generator().manual_seed(5)) for p in (x, other))
    assert torch.equal(y1, y2) and torch.equal(x1, x2) and y1.shape == (1, 3, 8, 8)
    assert torch.equal(y1, sr.render_y(sr.posterior_u(y).sample(sr.noise(1, torch.Generator().manual_seed(5)))))
    assert not torch.equal(sr.posterior_z(x).mean, sr.posterior_z(other).mean)
