"""Training of all layers of `hqa-photo` for the eye: from a codec's folder to a whole new one, and what its loss is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny_hqa
import torch
from metric_stand_in import alexnet_stand_in
from smooth import check_that_it_resumes, pictures, tiny_recipe, write_pictures

import hvaecodec
from hvaecodec.codec.errors import CodecError, CodecUnavailable
from hvaecodec.codec.hqa.codec import HqaPhotoCodec, quality_of
from hvaecodec.codec.hqa.index_stream import encode_indices
from hvaecodec.codec.weights import SAMPLED, TEXTURED
from hvaecodec.models.hqa.stack import HqaLayer
from hvaecodec.training import card
from hvaecodec.training.data import Photos
from hvaecodec.training.hqa.code_bits import code_bits
from hvaecodec.training.hqa.hqa_perceptual_run import HqaPerceptualRun
from hvaecodec.training.hqa.stack_task import StackTask, drawn_codes
from hvaecodec.training.hqa.stack_validation import StackValidation
from hvaecodec.training.loop import Moment
from hvaecodec.training.place import HERE
from hvaecodec.training.ranks import Ranks
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.run import Run, Settings, train_recipe

NAME = "hqa-photo-perceptual"
FLOAT = replace(HERE, bf16=False)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_hqa.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def make_task(alexnet, weights):
    codec = HqaPhotoCodec.load(weights)

    def make(**changes):
        config = replace(find_recipe(NAME, "tiny").stage("stack").task, **changes)
        return StackTask(config, tiny_hqa.stack(), codec.nets.arithmetic, Photos(pictures(3), []), FLOAT)

    return make


# -- from folder to folder ---------------------------------------------------------------------------------------------


def test_two_steps_and_four_resumed_are_six_steps(alexnet, photos, weights, tmp_path):
    recipe = tiny_recipe(NAME, 18, save_minutes=0)
    stack = replace(recipe, stages=recipe.stages[:1])
    checkpoint = check_that_it_resumes(stack, photos, tmp_path, init=weights)
    assert checkpoint.position.step == 6 and "task.0.used" in checkpoint.tensors


def test_the_texture_resumes_too(alexnet, photos, weights, tmp_path):
    checkpoint = check_that_it_resumes(tiny_recipe(NAME, 12, save_minutes=0), photos, tmp_path, init=weights)
    assert set(checkpoint.about["metrics"]) == {"2", "3", "4", "5"}
    assert {"smooth_lpips", "drawn_lpips"} < set(checkpoint.about["metrics"]["4"])


def test_one_command_writes_the_whole_folder(alexnet, photos, weights, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(weights, folder)
    (folder / SAMPLED).write_bytes(b"of layers that are no more")
    settings = Settings(photos, tmp_path / "run", init=weights, export=folder)
    with pytest.raises(CodecError, match="exists and is kept"):
        train_recipe(tiny_recipe(NAME, 6), settings)
    paths = train_recipe(tiny_recipe(NAME, 6), replace(settings, force=True))
    names = ["bitstream.safetensors", "generator.safetensors", TEXTURED, "card.json"]
    assert [path.name for path in paths] == names and sorted(names) == sorted(p.name for p in folder.iterdir())
    before, codec = HqaPhotoCodec.load(weights), HqaPhotoCodec.load(folder)
    assert codec.bitstream.digest != before.bitstream.digest
    drawing = codec.generators.drawing(codec.generators.newest)
    assert drawing.texture is not None and drawing.sampler is None
    (image,) = pictures(1, 50, 70)
    for layer in range(1, 6):
        data = codec.encode(image, quality=quality_of(layer))
        assert codec.decode(data).shape == codec.decode(data, temperature=1).shape == image.shape
    parts = json.loads((folder / "card.json").read_text())["parts"]
    assert parts["texture"]["base"] == parts["generator"]["sha256"][:4]
    assert [loss["net"] for loss in parts["generator"]["losses"]] == ["LPIPS 0.1 (AlexNet)"]
    assert len(parts["texture"]["losses"]) == 2 and "losses" not in parts["bitstream"]
    assert set(parts["generator"]["metrics"]) == {f"layer{number}" for number in range(1, 6)}
    assert hvaecodec.load(folder).card["generator"] == TEXTURED
    assert parts["generator"]["began_with"] == {} and parts["texture"]["licence"] == card.UNKNOWN


def test_what_is_to_be_free_begins_with_what_is_free(weights, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(weights, folder)
    parts = {"generator": {"licence": card.RESEARCH, "recipe": "hqa-photo", "file": "generator.safetensors"}}
    (folder / "card.json").write_text(json.dumps({"generator": "generator.safetensors", "parts": parts}))
    for sources in (("clic",), None):
        recipe = replace(tiny_recipe(NAME, 3), sources=sources)
        run = Run(recipe, Settings(tmp_path, tmp_path, init=folder), Ranks(), torch.device("cpu"), lambda *_: None)
        family = HqaPerceptualRun(run)
        if sources:
            with pytest.raises(ValueError, match="free sources, but the layers that it is to begin with saw others"):
                family.first_stack()
        else:
            training = family._after_first({"licence": card.FREE})
            assert training["licence"] == f"{card.RESEARCH}; {card.FREE}"
            assert training["began_with"] == {"licence": card.RESEARCH, "recipe": "hqa-photo"}


# -- the loss ----------------------------------------------------------------------------------------------------------


def batch(count: int) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures(count, 64, 64, seed=4))).permute(0, 3, 1, 2).float() / 255


def test_pictures_in_training_are_those_of_the_codec(make_task):
    """Without draws every crop is decoded as its file is, whatever the others of the batch are coded at."""
    task = make_task(tops=(5, 4, 4, 2, 1))
    x = batch(5)
    decoded = task._decode(task._encode(x), x, None).picture
    for row, top in enumerate(task.config.tops):
        indices = task.net.indices(x[row : row + 1], top - 1)
        assert (decoded[row] - task.net.decode(indices, top - 1)[0]).abs().max() < 1e-5, top


def test_the_loss_is_the_weighted_sum_of_what_is_logged(make_task):
    task = make_task(drawn=0.0)
    loss, logs = task.loss(Moment(0, 0.0), torch.Generator().manual_seed(1))
    c = task.config
    names = ("lpips", "shrunk", "error", "paper", "rate", "use")
    assert set(logs) == {*names, "moved"}
    expected = sum(getattr(c, name) * logs[name] for name in names)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-4)
    assert float(task.used.sum()) == sum((64 >> top) ** 2 for top in c.tops)


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_the_picture_alone_trains_every_part_of_every_layer(make_task, drawn):
    task = make_task(drawn=drawn, paper=0.0, rate=0.0, use=0.0)
    loss, _ = task.loss(Moment(0, 0.0), torch.Generator().manual_seed(1))
    loss.backward()
    for name, parameter in task.net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_a_code_hands_its_gradient_to_what_the_decoder_above_says(make_task):
    task = make_task()
    z = torch.randn(1, 4, 3, 5, requires_grad=True)
    weight = torch.randn(1, 4, 3, 5)
    code = task._below(task.net[0], z, None)
    (code * weight).sum().backward()
    assert torch.equal(code, task.net[0].lookup(task.net.quantise(z, 0)))
    assert torch.equal(z.grad, weight)
    assert task.net[0].codebook.grad.sum() == pytest.approx(float(weight.sum()), abs=1e-4)


def test_drawn_codes_have_the_posterior_that_a_decoder_draws_from():
    layer = HqaLayer(tiny_hqa.LAYERS[0], bottom=True)
    with torch.no_grad():
        layer.codebook.fill_(9.0)  # far from everything
        layer.codebook[7], layer.codebook[30] = 0.0, 0.5
    count = 20000
    rng = torch.Generator().manual_seed(0)
    noise = -torch.empty(count, 512).exponential_(generator=rng).log_()
    chosen = drawn_codes(layer, torch.zeros(count, 4), noise)
    assert set(chosen.tolist()) == {7, 30}
    share = float((chosen == 7).float().mean())
    assert share == pytest.approx(1 / (1 + np.exp(-1)), abs=0.01)  # the squared distances are 0 and 4 / 4


def test_a_wrong_order_of_layers_is_named(make_task):
    for tops in ((4, 5), (6, 1), (1, 0)):
        with pytest.raises(ValueError, match="the highest first"):
            make_task(tops=tops)


def test_an_uneven_use_of_codes_costs_its_nats_and_is_pushed_back(make_task):
    task = make_task()
    assert float(task._use(0, torch.full((9, 512), 1 / 512))) == pytest.approx(0, abs=1e-4)
    shares = torch.full((512,), 0.5 / 511)
    shares[3] = 0.5
    task.shares[1] = shares
    q = shares.expand(20, 512).clone().requires_grad_(True)
    cost = task._use(1, q)
    entropy = -float((shares * shares.log()).sum())
    assert float(cost.detach()) == pytest.approx(np.log(512) - entropy, rel=1e-4)
    cost.backward()
    assert (q.grad.argmax(1) == 3).all() and (q.grad[:, 0] < 0).all(), "it draws away from the code in use"
    torch.testing.assert_close(task.shares[1], shares)


def test_unused_codes_are_moved_to_values_of_the_batch(make_task):
    task = make_task(reset_every=1, reset_below=0.5)
    task.used[:] = 10
    task.used[2, 100] = 0
    values = task._encode(batch(5))
    assert float(task._reset(Moment(1, 0.1), values, torch.Generator().manual_seed(0))) == 1
    cells = values[2].permute(0, 2, 3, 1).flatten(0, 2)
    assert (cells - task.net[2].codebook[100]).abs().sum(1).min() < 1e-6 and not task.used.any()
    task.used[:, 1:] = 10
    assert float(task._reset(Moment(2, 0.9), values, torch.Generator().manual_seed(0))) == 0, "late, none is moved"


# -- rate --------------------------------------------------------------------------------------------------------------


def test_bits_of_codes_are_those_of_the_stream(weights):
    codec = HqaPhotoCodec.load(weights)
    indices = tiny_hqa.random_indices(3, (9, 14))
    for number in (0, 4):
        prior = codec.nets.arithmetic[number]
        bits = code_bits(prior, indices)
        np.testing.assert_allclose((2.0**-bits).sum(1), 1, rtol=1e-3)
        own = bits[np.arange(indices.size), indices.ravel()].sum()
        assert own == pytest.approx(encode_indices(prior, codec.bitstream.tables, indices)[1], rel=0.02)


def test_validation_measures_what_files_are(alexnet, weights, make_task):
    codec = HqaPhotoCodec.load(weights)
    task = make_task()
    images = pictures(2, 96, 64, seed=5)
    valid = StackValidation(images, task.lpips, codec.nets.arithmetic, codec.bitstream.tables)
    with torch.no_grad():
        layers = valid(task.net)
    assert set(layers) == {f"layer{number}" for number in range(1, 6)}
    for layer in (1, 4):
        metrics = layers[f"layer{layer}"]
        files = [codec.encode(image[:64], quality=quality_of(layer)) for image in images]
        for temperature in (0, 1):
            errors = [
                ((image[:64] - codec.decode(data, temperature=temperature).astype(float)) ** 2).mean()
                for image, data in zip(images, files, strict=True)
            ]
            psnr = np.mean(10 * np.log10(255**2 / np.array(errors)))
            assert metrics[f"psnr_db_{temperature}"] == pytest.approx(psnr, abs=0.05)
        assert 0 < metrics["code_use"] <= 1 and metrics["entropy"] == pytest.approx(
            np.log2(512 * metrics["code_use"]), abs=0.01
        )


def test_without_weights_of_lpips_there_is_one_line(tmp_path, monkeypatch, photos, weights):
    alexnet_stand_in(tmp_path, monkeypatch)
    with pytest.raises(CodecUnavailable, match=r"^cannot download [^\n]*HVAECODEC_METRIC_WEIGHTS[^\n]*$"):
        train_recipe(tiny_recipe(NAME, 3), Settings(photos, tmp_path / "run", init=weights))
