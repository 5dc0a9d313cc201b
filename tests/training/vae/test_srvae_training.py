"""Training of the srVAE and its twin: starts from data, falls, resumes to the bit, exports what it trained."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from smooth import check_that_it_resumes, pictures, tiny_recipe

from hvaecodec.codec.tiles.srvae_weights import FILE, TABLES, load_model
from hvaecodec.training import small_images
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import Place
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.recipes.srvae import RECIPES
from hvaecodec.training.run import Settings, train_recipe
from hvaecodec.training.small_images import SmallImages
from hvaecodec.training.vae.srvae_run import load_trained_model
from hvaecodec.training.vae.srvae_task import SrVaeTask

PLACE = Place(bf16=False)


@pytest.fixture
def no_pack(monkeypatch):
    """Small smooth pictures in place of CIFAR-10."""
    rows = np.stack(pictures(48, 32, 32))
    monkeypatch.setattr(small_images, "cifar10", lambda data: SmallImages("cifar10", rows[:32], rows[32:]))


@pytest.mark.parametrize("name", RECIPES)
def test_two_steps_and_two_resumed_are_four_steps(name, no_pack, tmp_path):
    checkpoint = check_that_it_resumes(tiny_recipe(name, 4, save_minutes=0, bf16=False), tmp_path, tmp_path)
    assert checkpoint.about["metrics"]["bits_per_dim"] > 0


def test_what_is_exported_is_what_was_trained(no_pack, tmp_path):
    recipe = tiny_recipe("srvae-cifar10", 3, bf16=False)
    written = train_recipe(recipe, Settings(tmp_path, tmp_path / "run", export=tmp_path / "weights"))
    assert [path.name for path in written] == [FILE, TABLES, "card.json"]
    card = json.loads((tmp_path / "weights" / "card.json").read_text())
    assert card["codec"] == "srvae-cifar10" and card["steps"] == 3 and "CIFAR" in json.dumps(card)
    ours, theirs = load_trained_model(tmp_path / "run", recipe.stages[0]), load_model(tmp_path / "weights" / FILE)
    assert ours.config == theirs.config
    theirs = theirs.state_dict()
    assert all(torch.allclose(value, theirs[name], rtol=1e-3, atol=1e-6) for name, value in ours.state_dict().items())


def test_the_bound_falls():
    rows = np.stack(pictures(24, 32, 32))
    task = SrVaeTask(replace(find_recipe("srvae-cifar10", "tiny").stages[0].task, batch=8), rows[:16], rows[16:], PLACE)
    task.start()
    before = task.validate()["bits_per_dim"]
    optimiser = torch.optim.AdamW(task.net.parameters(), 5e-3)
    for step in range(25):
        loss, logs = task.loss(Moment(step, 1.0), torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert task.validate()["bits_per_dim"] < before - 0.3
    assert set(logs) == {"re_x", "re_y", "kl_z", "kl_u"}


def test_the_weight_of_kl_rises_to_one():
    rows = np.stack(pictures(24, 32, 32))
    config = replace(find_recipe("srvae-cifar10", "tiny").stages[0].task, free_kl=0.5)
    task = SrVaeTask(config, rows[:16], rows[16:], PLACE)
    task.start()
    for fraction, weight in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.9, 1.0)):
        loss, logs = task.loss(Moment(1, fraction), torch.Generator().manual_seed(0))
        nats = logs["re_x"] + logs["re_y"] + weight * (logs["kl_z"] + logs["kl_u"])
        assert float(loss.detach()) == pytest.approx(float(nats) / (16 * 16 * 3 * np.log(2)), rel=1e-5)


def test_augmentation_shifts_and_mirrors_whole_pictures():
    rows = np.zeros((1, 32, 32, 3), np.uint8)
    rows[0, 5, 3], rows[0, :, 0] = 200, 50
    task = SrVaeTask(replace(find_recipe("srvae-cifar10", "tiny").stages[0].task, batch=64), rows, rows)
    x = task._augmented(torch.Generator().manual_seed(0))
    places = {(int(i), int(j)) for _, i, j in (x[:, 0] == 200).nonzero()}
    assert x.shape == (64, 3, 16, 16) and {i for i, _ in places} == {3, 4, 5, 6, 7}
    assert {j for _, j in places} == {1, 2, 3, 4, 5} | {10, 11, 12, 13, 14}
    assert set(x.unique().tolist()) == {0, 50, 200}
