"""Training of a texture: resumes to the bit, goes into the codec's folder, and leaves what was there as it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny
import tiny_hqa
import torch
from safetensors.torch import load_file
from smooth import check_that_it_resumes, pictures, tiny_recipe, write_pictures

import hvaecodec
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.weights import TEXTURED
from hvaecodec.training.run import Settings, train_recipe

NAME = "dct-vae-photo-texture"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("weights"))


def test_two_steps_and_four_resumed_are_six_steps(photos, weights, tmp_path):
    recipe = tiny_recipe(NAME, 6, save_minutes=0)
    checkpoint = check_that_it_resumes(recipe, photos, tmp_path, init=weights)
    assert checkpoint.position.step == 6
    assert any(name.startswith("task.0.moments.") for name in checkpoint.tensors)


@pytest.mark.parametrize(("name", "writer"), [(NAME, tiny), ("hqa-photo-texture", tiny_hqa)])
def test_old_files_can_be_drawn_with_a_new_texture(name, writer, photos, tmp_path):
    weights = writer.write_weights(tmp_path / "old")
    before = hvaecodec.load(weights)
    (image,) = pictures(1, 70, 100)
    old = before.encode(image, quality=30, effort=1)
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    train_recipe(tiny_recipe(name, 6), Settings(photos, tmp_path / "run", init=weights, export=folder))
    after = hvaecodec.load(folder)
    new = after.encode(image, quality=30, effort=1)
    assert len(new) == len(old) and new != old, "a file names the texture it was made for"
    for data in (old, new):
        np.testing.assert_array_equal(after.decode(data), before.decode(old))
        textured = after.decode(data, temperature=1, generator="latest")
        assert (textured != after.decode(data)).mean() > 0.2
        np.testing.assert_array_equal(textured, after.decode(new, temperature=1))
    np.testing.assert_array_equal(after.decode(old, temperature=1), before.decode(old, temperature=1))
    card = json.loads((folder / "card.json").read_text())
    assert card["generator"] == TEXTURED and card["parts"]["texture"]["steps"] == 6

    with pytest.raises(ValueError, match="lacks generator"):
        train_recipe(tiny_recipe(name, 6), Settings(photos, tmp_path / "run", init=weights, export=tmp_path / "empty"))
    (folder / "generator.safetensors").unlink()
    with pytest.raises(CodecUnavailable, match="not beside it"):
        hvaecodec.load(folder).decode(new)


def test_the_exported_texture_has_its_strength(photos, weights, tmp_path):
    tensors = []
    for strength in (1.0, 0.25):
        recipe, folder = tiny_recipe(NAME, 2), tmp_path / f"weights-{strength}"
        recipe = replace(
            recipe, stages=(replace(recipe.stages[0], task=replace(recipe.stages[0].task, strength=strength)),)
        )
        shutil.copytree(weights, folder)
        train_recipe(recipe, Settings(photos, tmp_path / f"run-{strength}", init=weights, export=folder))
        tensors.append(load_file(folder / TEXTURED))
    for name, full in tensors[0].items():
        factor = 0.25 if name.startswith("gain.") else 1.0
        assert torch.allclose(tensors[1][name].float(), factor * full.float(), rtol=1e-3, atol=1e-7), name


def test_blocks_of_a_textured_picture_meet(photos, weights, tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    train_recipe(tiny_recipe(NAME, 2), Settings(photos, tmp_path / "run", init=weights, export=folder))
    codec = hvaecodec.load(folder)
    (image,) = pictures(1, 450, 420)
    data = codec.encode(image, quality=20, effort=1)
    whole = codec.decode(data, temperature=1)
    monkeypatch.setattr("hvaecodec.codec.add_texture.BLOCK", 96)
    assert np.abs(codec.decode(data, temperature=1).astype(int) - whole).max() <= 1
