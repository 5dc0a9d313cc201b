"""Recipes of the papers' VAEs: from pictures to weights that load, on data that is what the likelihood says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.tiles.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.tiles.vae_weights import read_vae
from hvaecodec.training.checkpoint import load_checkpoint
from hvaecodec.training.loop import Moment
from hvaecodec.training.recipes import recipe
from hvaecodec.training.run import Settings, train
from hvaecodec.training.small_images import SmallImages
from hvaecodec.training.vae.vae_data import bits, levels_of_bits, vae_pictures
from hvaecodec.training.vae.vdvae_task import VdvaeTask


def drawings(n: int = 30) -> np.ndarray:
    """Grey discs, uint8 (n, 28, 28)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:28, :28]
    centres, radii = rng.uniform(8, 20, (n, 2, 1, 1)), rng.uniform(3, 7, (n, 1, 1))
    distance = np.hypot(y - centres[:, 0], x - centres[:, 1])
    return (255 * np.clip(radii - distance, 0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, labels = tmp_path_factory.mktemp("data"), np.zeros(30, np.uint8)
    arrays = {"train_images": drawings(), "test_images": drawings(), "train_labels": labels, "test_labels": labels}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


def test_a_recipe_makes_weights_that_load(data, tmp_path):
    made = recipe("vae-mnist-dct", "tiny")
    settings = Settings(data, tmp_path / "run", export=tmp_path / "weights")
    written = train(made, settings)
    assert [path.name for path in written] == ["generator.safetensors", "card.json"]
    card = json.loads(written[1].read_text())
    assert card["network"] == "mnist-dct-tiny" and card["steps"] == 4 and card["metrics"]["elbo_nats"] > 0
    vae, found = read_vae(tmp_path / "weights"), load_checkpoint(tmp_path / "run" / "vae")
    ema = found.part("ema.")
    assert all(torch.equal(p, ema[name].half().float()) for name, p in vae.named_parameters())
    assert vae.context.largest.max() > 1  # S of the training pictures, not its first value
    with pytest.raises(CodecUnavailable, match="generator.safetensors"):
        read_vae(tmp_path)


def test_tables_of_files_know_the_photos_beside_the_pictures(tmp_path, monkeypatch):
    rng, labels = np.random.default_rng(0), np.zeros(30, np.int64)
    noisy = rng.integers(0, 256, (30, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    monkeypatch.setattr(
        "hvaecodec.training.small_images.cifar10", lambda data: SmallImages("cifar10", noisy, noisy, labels, labels)
    )
    photo = Image.fromarray(rng.integers(0, 256, (3, 3, 3), np.uint8)).resize((320, 320), Image.Resampling.BICUBIC)
    folder, sizes = tmp_path / "data", []
    folder.mkdir()
    for name in ("without", "with"):
        out = tmp_path / name
        train(recipe("vae-cifar10-small-dct", "tiny"), Settings(folder, tmp_path / "run", export=out))
        sizes.append(len(DctVaeCifarCodec.load(out).encode(photo)))
        told = json.loads((out / "card.json").read_text())["tables"]
        assert told["file"] == "bitstream.safetensors" and ("photos" in told) == (name == "with")
        photo.save(folder / "photo.png")
    assert sizes[1] < 0.7 * sizes[0]


def test_encoder_and_context_may_see_grey(data):
    """The posterior is then of the grey picture, whatever bits were drawn; at once for training and validation."""
    tasks = {}
    for end in ("", "-grey"):
        (stage,) = recipe(f"vae-mnist-dct{end}", "tiny").stages
        images = SmallImages("mnist", drawings() // 2, drawings() // 2, *2 * [np.zeros(30, np.uint8)])
        tasks[end] = VdvaeTask(stage.task, vae_pictures(images, 28, 10), bf16=False)
    assert tasks["-grey"].net.context.largest.max() < tasks[""].net.context.largest.max()  # S, of half the ink
    grey = tasks["-grey"].pictures.train[:4]
    for end, task in tasks.items():
        seen = levels_of_bits(grey) if end else None
        found = []
        for seed in (1, 2):
            x = bits(grey, torch.Generator().manual_seed(seed))
            found.append(task.net.bound(x, torch.Generator().manual_seed(0), seen))
        same = torch.equal(torch.stack(found[0].kl), torch.stack(found[1].kl))
        assert same == bool(end) and torch.equal(found[0].context, found[1].context) == bool(end)
        assert not torch.equal(found[0].nll, found[1].nll)
        torch.manual_seed(0)
        told = task.validate()
        x = task.pictures.fixed(task.pictures.valid[:6])
        torch.manual_seed(0)
        bound = task.net.bound(x, encoder_input=levels_of_bits(task.pictures.valid[:6]) if end else x)
        assert told["elbo_nats"] == pytest.approx(bound.total().mean().item(), rel=1e-4)


def test_a_run_goes_on_where_it_was(data, tmp_path):
    made = recipe("vae-mnist-x1", "tiny")
    (stage,) = made.stages
    made = replace(made, stages=(replace(stage, loop=replace(stage.loop, save_minutes=0)),))

    def stop(stage, spent, words):
        if words == "step 2":
            raise KeyboardInterrupt

    train(made, Settings(data, tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train(made, Settings(data, tmp_path / "parts"), stop)
    assert load_checkpoint(tmp_path / "parts" / "vae").position.step == 2
    train(made, Settings(data, tmp_path / "parts"))
    whole, parts = (load_checkpoint(tmp_path / name / "vae") for name in ("whole", "parts"))
    assert whole.position.step == parts.position.step == 4
    for kind in ("net.", "ema.", "adam."):
        theirs = parts.part(kind)
        assert all(torch.equal(value, theirs[name]) for name, value in whole.part(kind).items())


def _task(name: str, images: SmallImages) -> VdvaeTask:
    (stage,) = recipe(f"vae-{name}", "tiny").stages
    return VdvaeTask(stage.task, vae_pictures(images, stage.task.net.side, stage.task.held_out), bf16=False)


@pytest.mark.parametrize("name", ["omniglot-downsample", "mnist-r3", "cifar10-small-vdvae", "cifar10-small-dct"])
def test_every_data_set_gives_a_loss(name):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (30, 32, 32, 3), np.uint8)
    images = SmallImages("x", colour, colour) if "cifar" in name else SmallImages("x", drawings(), drawings())
    task = _task(name, images)
    loss, logs = task.loss(Moment(0, 0.0), torch.Generator().manual_seed(0))
    loss.backward()
    dims = 3072 if "cifar" in name else task.config.net.side**2
    assert float(loss.detach()) * dims == pytest.approx(float(logs["elbo_nats"]), rel=1e-4)
    parts = sum(value for key, value in logs.items() if key != "elbo_nats")
    assert float(parts) == pytest.approx(float(logs["elbo_nats"]), rel=1e-5)
    assert task.validate().keys() == logs.keys()


def test_encoder_context_and_likelihood_see_the_same_bits():
    images = SmallImages("x", drawings(), drawings())
    pictures = vae_pictures(images, 28, 10)
    assert len(pictures.train) == 20 and len(pictures.valid) == 10 and pictures.grey
    test = pictures.fixed(pictures.test)
    assert torch.equal(test, pictures.fixed(pictures.test)) and set(test.unique().tolist()) == {0.0, 1.0}
    assert (test[pictures.test == 255] == 1).all() and (test[pictures.test == 0] == 0).all()
    task, seen = _task("mnist-dct", images), []
    net, walk = task.net, task.net.walk
    net.symbols = lambda x: seen.append(x) or type(net).symbols(net, x)
    net.features = lambda x: seen.append(x) or type(net).features(net, x)
    net.walk = walk
    task.loss(Moment(0, 0.0), torch.Generator().manual_seed(0))
    assert len(seen) == 2 and torch.equal(*seen) and set(seen[0].unique().tolist()) == {0.0, 1.0}


def test_small_drawings_get_a_black_border():
    pictures = vae_pictures(SmallImages("x", drawings(), drawings()), 32, 0)
    assert pictures.train.shape == (30, 1, 32, 32) and len(pictures.valid) == 0
    assert pictures.train[..., :2].sum() == 0
    assert torch.equal(pictures.train[:, 0, 2:-2, 2:-2], torch.from_numpy(drawings()))


@pytest.mark.parametrize("name", ["mnist-vdvae", "cifar10-small-vdvae"])
def test_features_have_the_fast_layout_from_the_first_on(name):
    """Also where pictures have one channel, whose strides would tell nothing."""
    rng = np.random.default_rng(0)
    images = SmallImages("x", *2 * [drawings() if "mnist" in name else rng.integers(0, 256, (30, 32, 32, 3), np.uint8)])
    task, fast = _task(name, images), []
    task.net.to(memory_format=torch.channels_last)
    for module in (task.net.encoder.enter, *task.net.encoder.cells):
        module.register_forward_hook(lambda m, x, y: fast.append(y.is_contiguous(memory_format=torch.channels_last)))
    task.loss(Moment(0, 0.0), torch.Generator().manual_seed(0))
    assert len(fast) == 1 + len(task.net.encoder.steps) and all(fast)
