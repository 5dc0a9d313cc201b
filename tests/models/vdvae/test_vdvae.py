"""The papers' nets: sizes as printed, one walk for everything, variants that do what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hvaecodec.models.latents import standard_noise
from hvaecodec.models.likelihoods import LogisticMixture
from hvaecodec.models.vdvae.blocks import REZERO, Cells
from hvaecodec.models.vdvae.config import Scale, VdvaeConfig
from hvaecodec.models.vdvae.context import ContextConfig
from hvaecodec.models.vdvae.context_autoregressive import AutoregressiveConfig
from hvaecodec.models.vdvae.context_diffusion import DiffusionConfig
from hvaecodec.models.vdvae.encoder import normalised
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import NETS, net

SCALES = (Scale(2, 1, 1, 6, 2), Scale(4, 2, 2, 4, 2))
CONTEXT = ContextConfig("dct", 8, 1, 3, 2)


def tiny(**changes) -> VdvaeConfig:
    return replace(VdvaeConfig(8, 1, SCALES, REZERO), **changes)


ORIGINAL = tiny(
    scales=(Scale(1, 1, 1, 8, 2), Scale(4, 1, 1, 8, 2, repeats=3, mixin=True), Scale(8, 1, 1, 8, 2, mixin=True)),
    cells=Cells(),
)
VARIANTS = {
    "rezero": tiny(),
    "dct": tiny(context=CONTEXT, context_prior=DiffusionConfig(3, "linear", 8, 1)),
    "downsample": tiny(
        context=replace(CONTEXT, kind="downsample"), context_prior=AutoregressiveConfig(8, 1, 2)
    ),
    "colour": tiny(
        channels=3, likelihood=LogisticMixture(2, coupled=False), top_latent=True,
        cells=replace(REZERO, bottleneck=0.5, weight_norm=True), scales=(*SCALES, Scale(8, 1, 1, 4, 2)),
    ),
    "shared": ORIGINAL,
    "normalised": replace(ORIGINAL, normalise="unit"),
    "fourier": replace(ORIGINAL, fourier=(0, 1)),
    "no-residual": replace(ORIGINAL, cells=replace(Cells(), residual=False)),
    "single": tiny(scales=(Scale(8, 3, 2, 8, 2),), cells=Cells()),
    "two-cells": tiny(scales=(Scale(2, 1, 1, 6, 2, resnet=2), Scale(4, 2, 2, 4, 2, resnet=2))),
}  # fmt: skip


def make_vae(config: VdvaeConfig, seed: int = 0) -> Vdvae:
    """A net whose gates and zero layers are not at zero."""
    torch.manual_seed(seed)
    out = Vdvae(config)
    for parameter in out.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return out


def pictures(config: VdvaeConfig, n: int = 3) -> torch.Tensor:
    levels = config.likelihood.levels
    return torch.randint(levels, (n, config.channels, config.side, config.side)).float()


PRINTED = {
    "mnist-vdvae": 656_617, "mnist-L4": 675_957, "mnist-L10": 651_353, "cifar10-vdvae": 21_400_322,
    "mnist-x1": 106_689, "mnist-x2": 139_713, "mnist-x3": 172_737, "mnist-x4": 205_761,
    "mnist-r2": 106_689, "mnist-r3": 106_689, "mnist-r5": 106_689, "mnist-r10": 106_689, "mnist-r20": 106_689,
    "mnist-large": 339_857, "mnist-shared": 231_721,
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_sizes_are_the_printed_ones(name):
    """657K, 676K, 651K, 21M of arXiv:2302.09976; 107k .. 206k, 339k and 232k of arXiv:2301.08187."""
    with torch.device("meta"):
        assert sum(p.numel() for p in Vdvae(net(name)).parameters()) == PRINTED[name]


def test_other_sizes():
    def n(name: str) -> int:
        with torch.device("meta"):
            return sum(p.numel() for p in Vdvae(net(name)).parameters())

    assert n("mnist-single") == pytest.approx(328_000, abs=500)
    for kind in ("vdvae", "dct", "downsample"):
        assert n(f"cifar10-small-{kind}") <= 2_000_000
    assert n("mnist-r3") == n("mnist-x1") == n("mnist-x1-normalised") < n("mnist-x2")


def test_latent_spaces_are_the_printed_ones():
    def n(name: str) -> int:
        with torch.device("meta"):
            vae = Vdvae(net(name))
        context = vae.config.context
        return sum(z * h * w for z, h, w in vae.latent_shapes) + (context.n_symbols if context else 0)

    sizes = [n(f"mnist-{name}") for name in ("vdvae", "dct", "L4", "L6", "L10")]
    assert sizes == [980, 967, 490, 735, 1225]
    with torch.device("meta"):
        assert len(Vdvae(net("mnist-shared")).order) == 57  # the printed stochastic depth
    assert [n("omniglot-dct"), n("cifar10-vdvae"), n("cifar10-small-dct")] == [980, 105_352, 105_332]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_every_parameter(name):
    config = VARIANTS[name]
    vae, x = make_vae(config), pictures(config)
    bound = vae.bound(x)
    assert len(bound.kl) == len(vae.latent_shapes) == len(vae.order)
    assert (bound.context is None) == (config.context is None)
    bound.total().sum().backward()
    without = {key for key, p in vae.named_parameters() if p.grad is None}
    assert all("idle" in key for key in without)
    assert all(p.grad.isfinite().all() for p in vae.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ["dct", "colour", "shared"])
def test_checkpointing_gives_equal_gradients(name):
    config = VARIANTS[name]
    vae, x = make_vae(config), pictures(config)
    gradients = []
    for vae.checkpointing in (False, True):
        vae.zero_grad()
        vae.bound(x, torch.Generator().manual_seed(0)).total().sum().backward()
        gradients.append([p.grad.clone() for p in vae.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_sampling_and_inference_walk_the_same_way():
    """Given the same latents, a walk with the picture at hand and one without give the same parameters and priors."""
    vae, x = make_vae(VARIANTS["dct"]).eval(), pictures(VARIANTS["dct"])
    symbols, latents, priors = vae.symbols(x), [], []

    def infer(number, p, q):
        latents.append(q.sample(standard_noise(q.mean)))
        priors.append(p.mean)
        return latents[-1]

    def repeat(number, p, q):
        assert q is None and torch.equal(p.mean, priors[number])
        return latents[number]

    first = vae.walk(infer, 3, vae.features(x), symbols)
    assert torch.equal(first, vae.walk(repeat, 3, None, symbols))
    with pytest.raises(ValueError, match="context"):
        vae.walk(repeat, 3)


def test_repeats_share_weights_but_not_latents():
    shared = make_vae(ORIGINAL)
    assert shared.latent_shapes == [(2, 1, 1)] + [(2, 4, 4)] * 4 + [(2, 8, 8)] * 2
    once = replace(ORIGINAL, scales=tuple(replace(s, repeats=1) for s in ORIGINAL.scales))
    assert shared.state_dict().keys() == Vdvae(once).state_dict().keys()
    assert len(shared.order) == len(Vdvae(once).order) + 2


def test_the_context_reaches_every_scale():
    vae = make_vae(VARIANTS["dct"])
    assert len(vae.tell) == len(SCALES)
    for conv in vae.tell:
        before = _mode(vae, torch.zeros(1, 1, 3, 3))
        conv.weight.data += 1
        assert not torch.equal(before, _mode(vae, torch.zeros(1, 1, 3, 3)))


def _mode(vae: Vdvae, symbols: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return vae.walk(lambda number, p, q: p.mean, len(symbols), None, symbols)


def test_normalised_states_have_unit_norm():
    x = torch.randn(4, 3, 5, 5) * 7
    assert torch.allclose(normalised(x, "unit").flatten(1).norm(dim=1), torch.ones(4))
    assert torch.allclose((normalised(x, "rms") ** 2).flatten(1).mean(1), torch.ones(4), atol=1e-5)
    assert normalised(x, "no") is x


def test_bounded_variances_stay_where_the_paper_has_them():
    vae, x = make_vae(tiny()), pictures(tiny())
    for layer in vae.layers:
        layer.prior.last.weight.data *= 1000
    log_variances = []

    def choose(number, p, q):
        log_variances.append(2 * p.log_sigma)
        return q.mean

    vae.walk(choose, 3, vae.features(x))
    assert all(s.min() >= -5 and s.max() <= 0 for s in log_variances)


def test_names():
    with pytest.raises(ValueError, match="mnist-vdvae"):
        net("mnist")
    assert {"mnist-dct", "omniglot-downsample", "cifar10-small-vdvae", "mnist-r5"} <= NETS.keys()
