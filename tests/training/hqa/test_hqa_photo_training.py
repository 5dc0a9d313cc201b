"""Training of `hqa-photo`: from pictures to a codec, what a layer's task does to its codes, and the priors' data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from smooth import pictures, write_pictures

import hvaecodec
from hvaecodec.models.hqa.index_prior import OUTSIDE
from hvaecodec.models.hqa.stack import cells_of
from hvaecodec.training.checkpoint import load_checkpoint
from hvaecodec.training.data import Photos
from hvaecodec.training.hqa.codes import reset_rare, spread
from hvaecodec.training.hqa.hqa_photo_task import CropPool, LayerTask
from hvaecodec.training.hqa.index_task import IndexTask
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import Place
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.run import Settings, train_recipe


def layer_task(number: int = 0, **changes: object) -> LayerTask:
    config = replace(find_recipe("hqa-photo", "tiny").stages[number].task, **changes)
    below = []
    for n in range(number):
        below.append(layer_task(n).net)
    photos = Photos(pictures(3), pictures(2, 64, 64, seed=1))
    task = LayerTask(config, below, photos, Place(bf16=False))
    task.fit()
    return task


def test_pictures_become_a_codec_and_finished_stages_are_skipped(tmp_path):
    photos = write_pictures(tmp_path / "photos")
    settings = Settings(photos, tmp_path / "run", export=tmp_path / "weights")
    recipe = find_recipe("hqa-photo", "tiny", steps=12)
    written = train_recipe(recipe, settings)
    assert [path.name for path in written] == ["bitstream.safetensors", "generator.safetensors", "card.json"]
    codec = hvaecodec.load(tmp_path / "weights")
    (image,) = pictures(1, 50, 70)
    for quality in (10, 50, 90):
        assert codec.decode(codec.encode(image, quality=quality)).shape == image.shape
    parts = codec.card["parts"]
    assert [stage["name"] for stage in parts["generator"]["stages"]] == [
        *(f"layer{n}" for n in range(1, 6)),
        "codes2",
        "codes3",
    ]
    assert all("perplexity" in stage["metrics"] for stage in parts["generator"]["stages"])
    assert set(parts["bitstream"]["stages"][0]["metrics"]) == {f"layer{n}" for n in range(1, 6)}

    before = [load_checkpoint(tmp_path / "run" / stage.name).position for stage in recipe.stages]
    again = train_recipe(recipe, replace(settings, force=True))
    assert [path.read_bytes() for path in again[:2]] == [path.read_bytes() for path in written[:2]]
    assert [load_checkpoint(tmp_path / "run" / stage.name).position for stage in recipe.stages] == before


def test_init_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--init"):
        train_recipe(find_recipe("hqa-photo", "tiny", steps=1), Settings(tmp_path, tmp_path, init=tmp_path))


@pytest.mark.parametrize("number", [0, 2])
def test_a_layer_learns_and_leaves_those_below_alone(number):
    task = layer_task(number)
    before = [p.clone() for p in task.below.parameters()]
    optimiser = torch.optim.AdamW(task.net.parameters(), 1e-2)
    losses = []
    for _ in range(25):  # one batch, one draw
        loss, logs = task.loss(Moment(0, 0.5), torch.Generator().manual_seed(0))
        assert ("picture_mse" in logs) == (number > 0)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append((float(loss.detach()), float(logs["error"])))
    assert losses[-1][0] < 0.95 * losses[0][0] and losses[-1][1] < 0.8 * losses[0][1]
    assert all(p.grad is None and torch.equal(p, old) for p, old in zip(task.below.parameters(), before, strict=True))
    assert task.validate()["perplexity"] > 1


def test_the_first_values_are_spread_and_the_targets_standardised():
    task = layer_task(1)
    target = task._target(task.crops.batch(8, 32))
    cells = cells_of(task.net.encode(target)).detach()
    assert float(cells.std(0).mean()) == pytest.approx(0.7, rel=0.4)
    values = cells_of(task.net.standardise(target))
    assert values.mean(0).abs().max() < 0.5 and float(values.std(0).mean()) == pytest.approx(1, rel=0.3)
    spread(task.net, target)
    cells = cells_of(task.net.encode(target)).detach()
    torch.testing.assert_close(cells.std(0), torch.full((4,), 0.7), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(cells.mean(0), torch.zeros(4), rtol=0, atol=1e-4)


def test_rare_codes_move_onto_cells():
    codes, cells = torch.zeros(4, 2), torch.arange(10.0).repeat(2, 1).T + 5
    counts = torch.tensor([10.0, 0.0, 1.0, 9.0])
    assert reset_rare(codes, counts, 0.3, cells, torch.Generator().manual_seed(0)) == 2
    assert not codes[[0, 3]].any()
    assert all(any(torch.equal(code, cell) for cell in cells) for code in codes[1:3])


def test_the_pool_makes_one_batch_a_step_and_the_same_again_after_a_break():
    numbers = []

    def make(number):
        numbers.append(number)
        return torch.full((2, 3, 4, 4), number / 255), torch.full((2, 5, 2, 2), float(number))

    pool = CropPool(6, 2, make)
    for step in (0, 1, 2):
        pixels, target = pool.pick(step, 4, torch.Generator().manual_seed(step))
    assert numbers == [0, 1, 2, 3, 4] and pixels.shape == (4, 3, 4, 4)
    torch.testing.assert_close(pixels[:, 0, 0, 0] * 255, target[:, 0, 0, 0])
    resumed = CropPool(6, 2, make).pick(2, 4, torch.Generator().manual_seed(2))
    torch.testing.assert_close(resumed[1], target)


def test_priors_learn_what_grids_repeat():
    from tiny_hqa import stack

    config = replace(find_recipe("hqa-photo", "tiny").stages[-1].task, pictures=3, rounding_from=0.5)
    task = IndexTask(config, stack(), Photos(pictures(3), pictures(1)), Place(bf16=False))
    for layer in task.cells:
        near = torch.cat([cells.near for cells in layer])
        assert near.max() <= OUTSIDE and near.min() >= 0 and (near == OUTSIDE).any()
    optimiser = torch.optim.AdamW(task.net.parameters(), 1e-2)
    bits = []
    for step in range(40):
        loss, logs = task.loss(Moment(step, step / 40), torch.Generator().manual_seed(step))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        bits.append(float(loss.detach()))
    assert set(logs) == {f"bits{n}" for n in range(1, 6)}
    assert bits[0] == pytest.approx(9, abs=0.5) and np.mean(bits[-5:]) < bits[0] - 1
    assert task.validate()["layer1"]["bits_per_cell"] < 9
