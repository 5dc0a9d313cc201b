"""HQA's layers and stacks: shapes, sizes, standardisation, sampling, and the losses against plain autograd."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.hqa.stack_weights import FILE, layer_config_of, load_stack, stack_bytes
from hvaecodec.models.hqa.build import make_layer, make_stack
from hvaecodec.models.hqa.losses import (
    GumbelPool,
    Objective,
    Relaxed,
    average_codes,
    layer_loss,
    perplexity,
    reset_rarest,
    temperature_at,
)
from hvaecodec.models.hqa.stack import HqaLayer, LayerConfig, cells_of
from hvaecodec.models.hqa.vqvae import VqVaeConfig
from hvaecodec.models.philox import uniforms

SMALL = [LayerConfig(1, 4, 4, dim=6, codes=8), LayerConfig(6, 4, 4, dim=6, codes=8)]
HAMS = [SMALL[0], LayerConfig(6, 4, 4, dim=6, codes=8, outputs=8)]


def stack(configs=SMALL, seed=0):
    torch.manual_seed(seed)
    hierarchy = make_stack(configs)
    for layer in hierarchy.layers:
        layer.mean.normal_()
        layer.std.uniform_(0.5, 2)
    return hierarchy.freeze()


def uniforms_of(seed):
    return lambda layer, grid: uniforms(seed, layer, (*grid, 1), 0, grid[0])[0]


def test_layers_have_the_parameters_of_the_notebook():
    widths = [(16, 16), (16, 64), (32, 256), (64, 512), (128, 1024)]
    sizes = [
        sum(p.numel() for p in HqaLayer(LayerConfig(64 if number else 1, *pair)).parameters())
        for number, pair in enumerate(widths)
    ]
    assert sizes == [29_185, 97_144, 548_912, 1_680_352, 5_740_352]


@pytest.mark.parametrize("size", [(16, 16), (8, 20)])
@pytest.mark.parametrize("configs", [SMALL, HAMS], ids=["hqa", "hams"])
def test_any_size_goes_through(configs, size):
    hierarchy, x = stack(configs), torch.rand(3, 1, *size)
    for layer in range(2):
        indices = hierarchy.indices(x, layer)
        assert indices.shape == (3, size[0] // 2 ** (layer + 1), size[1] // 2 ** (layer + 1))
        assert indices.dtype == torch.int64
        x_hat = hierarchy.decode(indices, layer)
        assert x_hat.shape == x.shape
        assert 0 <= x_hat.min() and x_hat.max() <= 1
        assert torch.equal(x_hat, hierarchy.decode_values(hierarchy.encode(x, layer), layer))


def test_stride_one_keeps_the_grid():
    layer = HqaLayer(LayerConfig(3, 4, 4, dim=6, codes=8, stride=1), bottom=True)
    z_e = layer.encode(torch.rand(2, 3, 5, 7))
    assert z_e.shape == (2, 6, 5, 7)
    assert layer.decode(z_e).shape == (2, 3, 5, 7)


def test_a_vqvae_is_a_stack_of_one_layer():
    hierarchy = stack([VqVaeConfig(1, (4, 4, 4), dim=6, codes=8)])
    indices = hierarchy.indices(torch.rand(2, 1, 16, 16), 0)
    assert indices.shape == (2, 2, 2)
    assert hierarchy.decode(indices, 0).shape == (2, 1, 16, 16)


def test_logits_are_minus_squared_distances_and_indices_the_nearest():
    hierarchy = stack()
    z_e = hierarchy.encode(torch.rand(2, 1, 16, 16), 1)
    distances = ((z_e[:, None] - hierarchy[1].codebook[None, :, :, None, None]) ** 2).sum(2)
    torch.testing.assert_close(hierarchy[1].logits(z_e), -distances, rtol=1e-4, atol=1e-4)
    assert torch.equal(hierarchy.quantise(z_e, 1), distances.argmin(1))


def test_standardisation_is_that_of_all_batches_so_far():
    layer, values = HqaLayer(SMALL[1]), torch.randn(90, 6, 3, 3) * 3 + 5
    for batch in values.split([20, 50, 20]):
        layer.observe(batch)
    assert int(layer.seen) == 90 * 9
    cells = cells_of(layer.standardise(values))
    torch.testing.assert_close(cells.mean(0), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(cells.std(0, correction=0), torch.ones(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(layer.unstandardise(layer.standardise(values)), values)


def test_samples_depend_on_the_seed_alone_and_become_modes_as_temperature_falls():
    hierarchy, x = stack(), torch.rand(2, 1, 16, 16)
    hierarchy[0].codebook *= 0.2  # posteriors that are not one code
    indices = hierarchy.indices(x, 1)
    one, again, other = (hierarchy.decode(indices, 1, uniforms_of(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    modes = hierarchy.decode(indices, 1)
    assert not torch.equal(one, modes)
    assert torch.equal(hierarchy.decode(indices, 1, uniforms_of(1), temperature=1e-6), modes)
    assert torch.equal(hierarchy.decode(indices, 1, uniforms_of(1), temperature=0), modes)


def test_samples_follow_the_posterior():
    hierarchy, n = stack(HAMS), 4000
    values = torch.randn(1, 8, 1, 1).expand(n, 8, 1, 1)
    numbers = np.random.default_rng(0).random((n, 1, 1))
    indices = hierarchy._choose_below(values, 1, lambda layer, grid: numbers, 1.0)
    share = torch.bincount(indices.flatten(), minlength=8) / n
    torch.testing.assert_close(share, torch.softmax(values[0, :, 0, 0], 0), atol=0.03, rtol=0)


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_the_relaxed_sample_has_the_gradients_of_plain_autograd(temperature):
    """Also: the two probabilistic terms of eq. 4, at equal weights, are log K - logsumexp."""
    torch.manual_seed(0)
    cells, codes = (torch.randn(n, 4, dtype=torch.float64, requires_grad=True) for n in (600, 8))
    noise = torch.randn(600, 8, dtype=torch.float64)
    mixed, nll, used = Relaxed.apply(cells, codes, noise, temperature)
    logits = -((cells[:, None] - codes) ** 2).sum(2)
    y, q = torch.softmax((logits + noise) / temperature, 1), torch.softmax(logits, 1)
    kl, commitment = (q * (q.log() + math.log(8))).sum(1), -(q * logits).sum(1)
    torch.testing.assert_close(mixed, y @ codes)
    torch.testing.assert_close(nll, kl + commitment)
    assert torch.equal(used, logits.argmax(1))
    a, b = torch.randn_like(mixed), torch.randn_like(nll)
    ours = torch.autograd.grad((mixed * a).sum() + (nll * b).sum(), (cells, codes))
    plain = torch.autograd.grad(((y @ codes) * a).sum() + ((kl + commitment) * b).sum(), (cells, codes))
    for one, two in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("objective", [Objective(), Objective(probabilistic=0.0), Objective(stochastic=False)])
@pytest.mark.parametrize("hams", [False, True])
def test_losses_fall(objective, hams):
    torch.manual_seed(0)
    below = stack()
    layer = make_layer((HAMS if hams else SMALL)[1], bottom=False)
    pool, rng = GumbelPool(torch.Generator().manual_seed(0), size=1 << 12), torch.Generator().manual_seed(0)
    target = below.encode(torch.rand(8, 1, 16, 16), 0)
    layer.observe(target)
    codes = below.quantise(target, 0) if hams else None
    optimiser, losses = torch.optim.Adam(layer.parameters(), 1e-2), []
    for step in range(30):
        result = layer_loss(layer, target, objective, step / 30, lambda n: pool.take(n, rng), codes=codes)
        result.loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(result.parts["error"]))
    assert losses[-1] < losses[0]
    assert result.indices.shape == (8 * 4 * 4,)


def test_temperature_falls_linearly():
    temperatures = [temperature_at(Objective(), fraction) for fraction in (0, 0.5, 1)]
    assert temperatures == pytest.approx([0.667, 0.334, 0.001])


def test_gumbel_numbers_have_the_mean_and_deviation_of_their_kind():
    pool = GumbelPool(torch.Generator().manual_seed(0), size=1 << 16)
    numbers = pool.take(200_000, torch.Generator().manual_seed(1))
    assert numbers.shape == (200_000,)
    assert float(numbers.mean()) == pytest.approx(np.euler_gamma, abs=0.02)
    assert float(numbers.std()) == pytest.approx(math.pi / 6**0.5, abs=0.02)


def test_only_a_rare_code_is_moved_and_that_next_to_the_busiest():
    rng = torch.Generator().manual_seed(0)
    codes = torch.arange(12.0).view(4, 3)
    before = codes.clone()
    assert reset_rarest(codes, torch.tensor([5.0, 90.0, 3.0, 40.0]), 0.03, rng) is None
    assert torch.equal(codes, before)
    assert reset_rarest(codes, torch.tensor([5.0, 90.0, 2.0, 40.0]), 0.03, rng) == 2
    torch.testing.assert_close(codes[2], before[1], atol=0.05, rtol=0)
    assert torch.equal(codes[[0, 1, 3]], before[[0, 1, 3]])


def test_averaged_codes_become_the_means_of_their_cells():
    cells = torch.cat([torch.randn(50, 3) + 9, torch.randn(50, 3) - 9])
    used = torch.arange(2).repeat_interleave(50)
    codes, counts, sums = torch.zeros(2, 3), torch.zeros(2), torch.zeros(2, 3)
    for _ in range(200):
        average_codes(codes, counts, sums, cells, used, decay=0.9)
    torch.testing.assert_close(codes, torch.stack([cells[:50].mean(0), cells[50:].mean(0)]), atol=1e-3, rtol=1e-3)


def test_perplexity_counts_codes():
    assert perplexity(torch.tensor([5, 5, 0, 5, 5])) == pytest.approx(4)
    assert perplexity(torch.tensor([0, 7])) == pytest.approx(1)


@pytest.mark.parametrize("configs", [SMALL, HAMS, [VqVaeConfig(1, (4, 4), dim=6, codes=8)]], ids=["hqa", "hams", "vq"])
def test_weights_come_back(configs, tmp_path):
    hierarchy = stack(configs)
    assert [layer_config_of(asdict(config)) for config in configs] == configs
    (tmp_path / FILE).write_bytes(stack_bytes(hierarchy, configs))
    loaded, x = load_stack(tmp_path), torch.rand(1, 1, 16, 16)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    for name, value in hierarchy.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, atol=2e-3, rtol=2e-3)
    top = len(hierarchy) - 1
    assert loaded.decode(loaded.indices(x, top), top).shape == x.shape


def test_weights_that_are_none_are_refused(tmp_path):
    with pytest.raises(CodecUnavailable, match="cannot read"):
        load_stack(tmp_path)
    (tmp_path / FILE).write_bytes(b"not weights")
    with pytest.raises(CodecUnavailable, match="cannot read"):
        load_stack(tmp_path)
    hierarchy = stack()
    hierarchy[0].codebook[0, 0] = 1e6
    with pytest.raises(ValueError, match="half precision"):
        stack_bytes(hierarchy, SMALL)
