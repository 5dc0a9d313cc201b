"""The sets that the papers' VAEs see, and what a context alone keeps of CIFAR-10."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.bench.metrics.ms_ssim32 import ms_ssim32
from hvaecodec.models.vdvae.context import make_context
from hvaecodec.models.vdvae.presets import cifar_context, net
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.vae.vae_data import load_vae_pictures

pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("mnist-dct", 59_000, 10_000), ("mnist-x1", 59_000, 10_000), ("omniglot-vdvae", 23_345, 8_115)],
)
def test_drawings(data_dir, name, train, test):
    (stage,) = find_recipe(f"vae-{name}").stages
    task = stage.task
    pictures = load_vae_pictures(data_dir, task.data, task.net.side, task.held_out)
    side = net(name).side
    assert pictures.train.shape == (train, 1, side, side) and len(pictures.test) == test
    ink = pictures.fixed(pictures.test[:500])
    assert 0.05 < float(ink.mean()) < 0.2 and set(ink.unique().tolist()) == {0.0, 1.0}


def test_the_context_alone_is_a_picture(data_dir):
    """The paper's figure 4 at m = 1: above 0.8 for the DCT, which a thumbnail of as many numbers does not reach."""
    pictures = load_vae_pictures(data_dir, "cifar10", 32, 1000)
    x = pictures.test[:200].float() / 255
    scores = {}
    for kind in ("dct", "downsample"):
        context = make_context(cifar_context(kind))
        context.fit(pictures.train[:4000].float() / 255)
        scores[kind] = float(ms_ssim32(context.picture(context.symbols(x)), x).mean())
        assert torch.equal(context.symbols(x), context.symbols(x).round())
    assert scores["dct"] > 0.8 > scores["downsample"]
