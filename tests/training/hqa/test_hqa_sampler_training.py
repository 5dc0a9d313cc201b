"""Training of a sampler of `hqa-photo`: it goes on top of a generator, and what was there draws as before."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny_hqa
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from smooth import check_that_it_resumes, pictures, tiny_recipe, write_pictures

import hvaecodec
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.weights import SAMPLED, TEXTURED
from hvaecodec.models.hqa.index_prior import OUTSIDE, TABLE
from hvaecodec.training.data import Photos
from hvaecodec.training.hqa.index_task import IndexTask
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import Place
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.run import Settings, train_recipe

NAME = "hqa-photo-sampler"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def weights(tmp_path):
    return tiny_hqa.write_weights(tmp_path / "weights")


def sampled(weights, photos, tmp_path):
    """The folder with a sampler in it."""
    train_recipe(tiny_recipe(NAME, 6), Settings(photos, tmp_path / "run", init=weights, export=weights))
    return weights


def test_two_steps_and_four_resumed_are_six_steps(photos, weights, tmp_path):
    recipe = tiny_recipe(NAME, 6, save_minutes=0)
    assert check_that_it_resumes(recipe, photos, tmp_path, init=weights).position.step == 6


def test_old_files_draw_as_before_and_new_ones_with_the_sampler(photos, weights, tmp_path):
    shutil.copytree(weights, tmp_path / "old")
    before = hvaecodec.load(tmp_path / "old")
    (image,) = pictures(1, 70, 100)
    old = before.encode(image, quality=30)
    after = hvaecodec.load(sampled(weights, photos, tmp_path))
    new = after.encode(image, quality=30)
    assert len(new) == len(old) and new != old, "a file names the sampler it was made for"
    np.testing.assert_array_equal(after.symbols(old)[0], after.symbols(new)[0])
    for data in (old, new):
        np.testing.assert_array_equal(after.decode(data), before.decode(old))
        drawn = after.decode(data, temperature=1, seed=2, generator="latest")
        np.testing.assert_array_equal(drawn, after.decode(new, temperature=1, seed=2))
        assert (drawn != before.decode(old, temperature=1, seed=2)).mean() > 0.2
    np.testing.assert_array_equal(after.decode(old, temperature=1), before.decode(old, temperature=1))
    card = json.loads((weights / "card.json").read_text())
    part = card["parts"]["sampler"]
    assert card["generator"] == part["file"] == SAMPLED and part["steps"] == 6 and "licence" in part


def test_a_texture_lies_on_top_of_a_sampler(photos, weights, tmp_path):
    folder = sampled(weights, photos, tmp_path)
    before = hvaecodec.load(folder)
    train_recipe(
        tiny_recipe("hqa-photo-texture", 2), Settings(photos, tmp_path / "textured", init=folder, export=folder)
    )
    after = hvaecodec.load(folder)
    drawing = after.generators.drawing(after.generators.newest)
    assert drawing.sampler is not None and drawing.texture is not None
    assert json.loads((folder / "card.json").read_text())["generator"] == TEXTURED
    (image,) = pictures(1, 70, 100)
    data = after.encode(image, quality=30)
    np.testing.assert_array_equal(after.decode(data), before.decode(before.encode(image, quality=30)))
    # a sampler that is trained again goes below the sampler that is there, not on it
    train_recipe(tiny_recipe(NAME, 2), Settings(photos, tmp_path / "again", init=folder, export=folder, force=True))
    base = json.loads((folder / "card.json").read_text())["parts"]["sampler"]["base"]
    assert after.generators.paths[bytes.fromhex(base)].name == "generator.safetensors"


def test_the_exported_logits_are_sharper_than_the_trained(photos, weights, tmp_path):
    logits = []
    for temperature in (1.0, 0.5):
        recipe, folder = tiny_recipe(NAME, 2), tmp_path / f"weights-{temperature}"
        recipe = replace(
            recipe, stages=(replace(recipe.stages[0], task=replace(recipe.stages[0].task, temperature=temperature)),)
        )
        shutil.copytree(weights, folder)
        train_recipe(recipe, Settings(photos, tmp_path / f"run-{temperature}", init=weights, export=folder))
        codec = hvaecodec.load(folder)
        prior = codec.generators.drawing(codec.generators.newest).sampler.priors[0]
        near = np.random.default_rng(0).integers(0, 513, (50, 25))
        near[:, 16:] += 513
        logits.append(prior.logits("vertical", 1, near))
    assert np.abs(logits[0]).max() > 8 and np.abs(logits[1] - 2 * logits[0]).max() <= 3  # in 1/32


def test_what_is_missing_unknown_or_broken_is_named(photos, weights, tmp_path):
    run = tmp_path / "run"
    sampled(weights, photos, tmp_path)
    with pytest.raises(ValueError, match="lacks generator"):
        train_recipe(tiny_recipe(NAME, 6), Settings(photos, run, init=weights, export=tmp_path / "empty"))
    with pytest.raises(ValueError, match="must be a folder"):
        train_recipe(tiny_recipe(NAME, 6), Settings(photos, run, init=weights / "card.json"))
    (image,) = pictures(1, 40, 40)
    arrays = load_file(weights / SAMPLED)
    with safe_open(weights / SAMPLED, "np") as file:
        metadata = file.metadata()
    changes = [
        ({"kind": "colouring"}, arrays, "is a 'colouring', which this version does not know"),
        ({}, {name: part for name, part in arrays.items() if name != "bit_tables"}, "is no sampler as its config says"),
        ({"base": "0000"}, arrays, "not beside it"),
    ]
    for change, parts, words in changes:
        save_file(parts, weights / SAMPLED, metadata | change)
        codec = hvaecodec.load(weights)
        with pytest.raises(CodecUnavailable, match=words):
            codec.encode(image, quality=30)


def test_priors_learn_what_the_layer_above_tells():
    """Grids whose cells are what they lie in, without anything that neighbours of a layer would know."""
    config = replace(find_recipe(NAME, "tiny").stages[0].task, pictures=3, rounding_from=1.0)
    task = IndexTask(config, tiny_hqa.stack(), Photos(pictures(3), pictures(1)), Place(bf16=False))
    assert len(task.cells) == 4
    for layer in task.cells:
        near = torch.cat([cells.near for cells in layer])
        assert near[:, :16].max() <= OUTSIDE and near[:, 16:].min() >= TABLE and near[:, 16:].max() <= OUTSIDE + TABLE
    for cells in task.cells[0]:
        cells.indices.copy_(cells.near[:, 20] - TABLE)  # the middle one of the nine
        cells.near[:, :16] = OUTSIDE
    optimiser = torch.optim.AdamW(task.net.parameters(), 1e-2)
    bits = []
    for step in range(150):
        loss, logs = task.loss(Moment(step, step / 150), torch.Generator().manual_seed(step))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        bits.append(float(logs["bits1"]))
    assert set(logs) == {f"bits{n}" for n in range(1, 5)}
    assert bits[0] > 8 and np.mean(bits[-5:]) < 4
