"""The classifiers that perception is measured with: shapes, what they are trained on, and the way to their weights."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from hvaecodec.models.feature_nets import DigitConfig, PlainConfig, ResidualConfig, config_from, make
from hvaecodec.training.classifiers.classifier_run import FILE, classifier_bytes
from hvaecodec.training.classifiers.classifier_task import ClassifierTask
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import Place
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.recipes.classifiers import RECIPES, ClassifierTraining
from hvaecodec.training.run import Settings, train_recipe
from hvaecodec.training.small_images import SmallImages

TINY = ClassifierTraining(PlainConfig((4, 4, 4, 4, 4, 4, 8)), batch=8)


def pictures(count: int = 40, *shape: int) -> SmallImages:
    """Ten classes of noise, told apart by their brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 10
    x = 25 * labels.reshape(-1, *(1 for _ in shape)) + rng.integers(0, 20, (count, *shape))
    return SmallImages("noise", x.astype(np.uint8), x.astype(np.uint8), labels, labels)


@pytest.fixture
def data(tmp_path):
    noise = pictures(60, 28, 28)
    np.savez(
        tmp_path / "mnist.npz", train_images=noise.train, train_labels=noise.train_labels, test_images=noise.test,
        test_labels=noise.test_labels,
    )  # fmt: skip
    return tmp_path


@pytest.mark.parametrize(("config", "limit"), [(PlainConfig(), 1.2e6), (ResidualConfig(), 1.2e6), (DigitConfig(), 5e5)])
def test_features_are_what_the_logits_are_made_of(config, limit):
    net = make(config).eval()
    x = torch.rand(3, net.channels, 32, 32)
    features = net.features(x)
    assert features.shape == (3, net.n_features) == (3, 64)
    assert torch.equal(net(x), net.head(features)) and net(x).shape == (3, 10)
    assert torch.allclose(net.features(x[1:2]), features[1:2], atol=1e-5), "a picture is described alone"
    assert len(classifier_bytes(net)) <= limit


def test_every_picture_is_passed_once_an_epoch():
    task = ClassifierTask(TINY, pictures(40, 32, 32, 3))
    epochs = [torch.cat([task._picks(5 * epoch + step) for step in range(5)]) for epoch in (0, 1)]
    assert all(sorted(epoch.tolist()) == list(range(40)) for epoch in epochs)
    assert not torch.equal(*epochs)
    again = ClassifierTask(TINY, pictures(40, 32, 32, 3))
    assert torch.equal(again._picks(7), task._picks(7)), "a resumed run goes on where it was"


def test_augmentation_shifts_mirrors_and_cuts_out():
    images = pictures(20, 32, 32, 3)
    whole = ClassifierTask(replace(TINY, shift=0, mirror=False, cutout=0), images)
    picks, rng = torch.arange(20), torch.Generator().manual_seed(0)
    plain = whole._augmented(picks, rng)
    assert torch.equal(plain, torch.from_numpy(images.train).permute(0, 3, 1, 2) / 255)
    mirrored = ClassifierTask(replace(TINY, shift=0, cutout=0), images)._augmented(picks, rng)
    turned = [not torch.equal(a, b) for a, b in zip(plain, mirrored, strict=True)]
    assert 0 < sum(turned) < 20
    for a, b, is_turned in zip(plain, mirrored, turned, strict=True):
        assert torch.equal(b, a.flip(2) if is_turned else a)
    cut = ClassifierTask(replace(TINY, shift=0, mirror=False), images)._augmented(picks, rng)
    changed = (cut != plain).any(1).flatten(1).sum(1)
    assert (changed >= 25).all() and (changed <= 100).all() and (changed == 100).any()
    assert (cut[cut != plain] == 0.5).all()
    shifted = ClassifierTask(replace(TINY, mirror=False, cutout=0), images)._augmented(picks, rng)
    inner = plain[:, :, 8:24, 8:24]
    for a, b in zip(inner, shifted, strict=True):
        windows = b.unfold(1, 16, 1).unfold(2, 16, 1)  # (3, 17, 17, 16, 16)
        assert (windows == a[:, None, None]).all(dim=(0, 3, 4)).sum() == 1


def test_a_few_steps_tell_dark_from_bright():
    task = ClassifierTask(replace(TINY, batch=40, cutout=0), pictures(40, 32, 32, 3), Place(bf16=False))
    optimiser = torch.optim.Adam(task.net.parameters(), 0.003)
    before = task.validate()["test_nats"]
    for step in range(40):
        loss, _ = task.loss(Moment(step, step / 40), torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = task.validate()
    assert after["test_accuracy"] > 0.2 and after["test_nats"] < 0.8 * before


def test_a_set_without_classes_is_an_error():
    with pytest.raises(ValueError, match="no classes"):
        ClassifierTask(TINY, replace(pictures(10, 32, 32, 3), train_labels=None))


def test_a_recipe_becomes_half_precision_weights_with_a_card(data, tmp_path):
    recipe = find_recipe("digits", "tiny", steps=3)
    folder = tmp_path / "weights"
    settings = Settings(data, tmp_path / "run", export=folder)
    assert [path.name for path in train_recipe(recipe, settings)] == [FILE, "card.json"]
    with safe_open(folder / FILE, "pt") as file:
        metadata = file.metadata()
        config = config_from(metadata["design"], json.loads(metadata["config"]))
        assert {str(file.get_tensor(name).dtype) for name in file.keys()} == {"torch.float16"}  # noqa: SIM118
    assert config == recipe.stages[0].task.net
    card = json.loads((folder / "card.json").read_text())
    assert card["network"] == "digits" and card["steps"] == 3 and card["preset"] == "tiny"
    assert "frozen" in card["purpose"] and card["data"][0]["terms"] and 0 <= card["metrics"]["test_accuracy"] <= 1
    settings = Settings(data, tmp_path / "again", init=folder, seed=1)
    train_recipe(find_recipe("digits", "tiny", steps=1), settings)


@pytest.mark.parametrize("name", RECIPES)
def test_the_presets_train_nets_of_one_size(name):
    (cpu,), (gpu,) = (find_recipe(name, preset).stages for preset in ("cpu", "gpu"))
    assert cpu.task.net == gpu.task.net


def test_weights_that_do_not_fit_half_precision_are_refused():
    net = make(PlainConfig((4, 4, 4, 4, 4, 4, 8)))
    torch.nn.init.constant_(net.head.bias, 1e6)
    with pytest.raises(ValueError, match="head.bias"):
        classifier_bytes(net)
