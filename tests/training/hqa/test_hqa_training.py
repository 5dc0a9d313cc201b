"""Layers of HQA in training: lower layers rest, runs resume to the bit, systems have equal sizes, weights load."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from smooth import check_that_it_resumes, tiny_recipe

from hvaecodec.codec.hqa.stack_weights import load_stack
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.models.hqa.build import make_stack
from hvaecodec.models.hqa.losses import Objective
from hvaecodec.models.hqa.stack import LayerConfig
from hvaecodec.training.hqa.hqa_data import Epochs, as_float, cut_windows
from hvaecodec.training.hqa.hqa_run import load_trained_stack
from hvaecodec.training.hqa.hqa_task import HqaLayerTask
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import Place
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.recipes.hqa import HIERARCHIES, MNIST, LayerTraining
from hvaecodec.training.recipes.hqa_faces import FACES
from hvaecodec.training.run import Settings, train_recipe

CONFIGS = [LayerConfig(1, 4, 4, dim=6, codes=8), LayerConfig(6, 4, 4, dim=6, codes=8)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    images = (255 * (rng.random((40, 7, 7)) > 0.7)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    labels = np.zeros(40, np.uint8)
    arrays = {"train_images": images, "test_images": images, "train_labels": labels, "test_labels": labels}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


def sizes(name: str, preset: str = "cpu") -> list[int]:
    stack = make_stack([stage.task.layer for stage in find_recipe(name, preset).stages])
    return [sum(p.numel() for p in layer.parameters()) for layer in stack.layers]


@pytest.mark.parametrize("preset", ["cpu", "gpu"])
def test_the_six_systems_have_equal_sizes(preset):
    whole = sum(sizes("hqa-mnist", preset))
    assert whole == {"cpu": 800_913, "gpu": 8_095_945}[preset]
    for name in MNIST.values():
        assert sum(sizes(name, preset)) == pytest.approx(whole, rel=0.01)


def test_systems_on_faces_have_equal_sizes():
    layers = sizes(FACES["hqa"])
    assert sum(sizes(FACES["hams"])) == pytest.approx(sum(layers), rel=0.02)
    for bits, count in ((9, 7), (144, 5), (2304, 3)):
        assert sum(sizes(FACES[f"vqvae-{bits}"])) == pytest.approx(sum(layers[:count]), rel=0.02)


def test_the_rows_of_table_3_differ_in_their_switches_alone():
    for name, system in HIERARCHIES.items():
        for number, stage in enumerate(find_recipe(MNIST[name]).stages):
            objective, layer = stage.task.objective, stage.task.layer
            assert objective.stochastic == ("gs" in name or name == "hqa")
            assert bool(objective.stochastic and objective.probabilistic) == (name == "hqa")
            assert bool(layer.outputs) == (number > 0 and not system.values)
            assert layer.codes == 256 and layer.dim == 64 and layer.stride == 2
    steps = {tuple(s.loop.steps for s in find_recipe(MNIST[name]).stages) for name in HIERARCHIES}
    assert len(steps) == 1


def test_a_budget_in_minutes_takes_the_place_of_the_recipes_steps():
    stages = find_recipe("hqa-mnist", minutes=10).stages
    assert {stage.loop.steps for stage in stages} == {None}
    assert sum(stage.loop.minutes for stage in stages) == pytest.approx(10)


@pytest.mark.parametrize("stochastic", [True, False])
def test_layers_below_rest(stochastic):
    below = make_stack(CONFIGS[:1])
    before = {name: value.clone() for name, value in below.state_dict().items()}
    objective = Objective(stochastic=stochastic, begin=0.2, reset_every=2)
    pictures = torch.rand(16, 1, 8, 8)
    config, place = LayerTraining(CONFIGS[1], objective), Place(bf16=False)
    task = HqaLayerTask(config, below, lambda moment, rng: pictures, place, pool=1 << 10)
    optimiser, first = torch.optim.Adam(task.net.parameters(), 1e-2), task.net.codebook.clone()
    for step in range(10):
        loss, parts = task.loss(Moment(step, step / 10), torch.Generator().manual_seed(step))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert float(parts["error"]) > 0
    assert not below.training and not any(p.requires_grad for p in below.parameters())
    for name, value in below.state_dict().items():
        assert torch.equal(value, before[name])
    assert int(task.net.seen) == 10 * 16 * 4 * 4
    assert not torch.equal(task.net.codebook, first)


def test_every_picture_once_an_epoch_and_windows_are_cut_from_it():
    rows = torch.arange(12, dtype=torch.uint8)[:, None, None, None].expand(12, 1, 8, 8).contiguous()
    rows[:, :, 0] = 255
    source, rng = Epochs(rows, 4, Place(seed=3), window=5), torch.Generator().manual_seed(0)
    batches = [source(Moment(step, 0), rng) for step in range(6)]
    assert all(batch.shape == (4, 1, 5, 5) for batch in batches)
    order = [round(float(x) * 255) for batch in batches for x in batch[:, 0, -1, -1]]
    assert sorted(order[:12]) == list(range(12)) == sorted(order[12:]) and order[:12] != order[12:]
    again = Epochs(rows, 4, Place(seed=3), window=5)(Moment(4, 0), rng)
    assert torch.equal(again[:, 0, -1, -1], batches[4][:, 0, -1, -1])
    assert cut_windows(as_float(rows), 8, rng).shape == (12, 1, 8, 8)


@pytest.mark.parametrize("system", ["hqa", "hams"])
def test_a_run_resumes_to_the_bit(system, data, tmp_path):
    recipe = tiny_recipe(MNIST[system], 20, save_minutes=0.0)  # 4 steps a layer, saved after each
    check_that_it_resumes(replace(recipe, stages=recipe.stages[:2]), data, tmp_path)


def test_a_run_becomes_weights(data, tmp_path):
    out, weights = tmp_path / "run", tmp_path / "weights"
    recipe = find_recipe("hqa-mnist", "tiny")
    train_recipe(recipe, Settings(data, out, export=weights))
    stack, trained = load_stack(weights), load_trained_stack(out, recipe.stages)
    assert len(stack) == 5
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(stack.state_dict()[name], value, atol=2e-3, rtol=2e-3)
    card = json.loads((weights / "card.json").read_text())
    assert card["preset"] == "tiny" and len(card["stages"]) == 5
    assert all(stage["steps"] == 4 and "perplexity" in stage["metrics"] for stage in card["stages"])
    with pytest.raises(ValueError, match="no --init"):
        train_recipe(recipe, Settings(data, out, init=weights))


def test_the_weights_in_the_package_are_small_and_whole():
    folder = WEIGHTS / "hqa-mnist"
    digits = load_stack(folder)
    x = torch.zeros(2, 1, 32, 32)
    x[:, :, 8:24, 14:18] = 1
    assert [digits.indices(x, layer).numel() // 2 for layer in range(5)] == [256, 64, 16, 4, 1]
    assert float(((digits.decode(digits.indices(x, 1), 1) - x) ** 2).mean()) < 0.05
    size = sum(path.stat().st_size for name in ("hqa-mnist", "digits") for path in (WEIGHTS / name).iterdir())
    assert size <= 2_000_000
    assert json.loads((folder / "card.json").read_text())["preset"] == "cpu"
