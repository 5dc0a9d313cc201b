"""Training of a perceptual generator: it resumes to the bit, and goes on top of the generator in a codec's folder."""

from __future__ import annotations

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
import torch.nn.functional as F
from metric_stand_in import alexnet_stand_in
from smooth import check_that_it_resumes, pictures, tiny_recipe, write_pictures

import hvaecodec
from hvaecodec import training
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.metric_nets import lpips_net
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weights import PERCEPTUAL
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quality import quality_of
from hvaecodec.training.data import Photos
from hvaecodec.training.loop import Moment
from hvaecodec.training.perceptual.lpips_loss import STRIDE, LpipsLoss
from hvaecodec.training.perceptual.perceptual_task import PerceptualTask, drawing_net, mesh_of
from hvaecodec.training.place import HERE
from hvaecodec.training.run import Settings, train_recipe

NAME = "dct-vae-photo-perceptual"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def task(alexnet, weights):
    stage = tiny_recipe(NAME, 4).stages[0]
    codec = DctVaeCodec.load(weights)
    own = Photos(pictures(3), pictures(2, seed=1))
    net = codec.generators.get(codec.generators.newest)
    return PerceptualTask(replace(stage.task, twice=2), codec.weights, net, own, HERE, loop=stage.loop)


def test_two_steps_and_four_resumed_are_six_steps(alexnet, photos, weights, tmp_path):
    checkpoint = check_that_it_resumes(tiny_recipe(NAME, 6, save_minutes=0), photos, tmp_path, init=weights)
    assert checkpoint.position.step == 6
    assert any(name.startswith("task.0.moments.") for name in checkpoint.tensors)


def test_old_files_can_be_drawn_with_a_new_net(alexnet, photos, weights, tmp_path):
    before = hvaecodec.load(weights)
    (image,) = pictures(1, 70, 100)
    old = before.encode(image, quality=30, effort=1)
    folder = tmp_path / "new"
    shutil.copytree(weights, folder)
    train_recipe(tiny_recipe(NAME, 2), Settings(photos, tmp_path / "run", init=weights, export=folder))
    after = hvaecodec.load(folder)
    new = after.encode(image, quality=30, effort=1)
    assert len(new) == len(old) and new != old, "a file names the net it is drawn with"
    for data in (old, new):
        np.testing.assert_array_equal(after.decode(data), before.decode(old))
        drawn = after.decode(data, temperature=1, generator="latest")
        np.testing.assert_array_equal(drawn, after.decode(new, temperature=1))
    assert (after.decode(new, temperature=1) != after.decode(new, temperature=1, seed=1)).any()
    np.testing.assert_array_equal(after.decode(old, temperature=1), before.decode(old, temperature=1))


def test_the_card_names_what_the_loss_saw(alexnet, photos, weights, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(weights, folder)
    paths = train_recipe(tiny_recipe(NAME, 1), Settings(photos, tmp_path / "run", init=weights, export=folder))
    assert [path.name for path in paths] == [PERCEPTUAL, "card.json"]
    card = json.loads((folder / "card.json").read_text())
    part = card["parts"]["perceptual"]
    assert card["generator"] == part["file"] == PERCEPTUAL and part["steps"] == 1
    nets = [loss["net"] for loss in part["losses"]]
    assert nets[0] == "LPIPS 0.1 (AlexNet)" and "critic" in nets[1]
    assert all(loss["terms"] for loss in part["losses"])
    assert "alexnet" not in json.dumps(part["data"]).lower()


def test_a_file_holds_no_posterior(alexnet, photos, weights, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(weights, folder)
    train_recipe(tiny_recipe(NAME, 1), Settings(photos, tmp_path / "run", init=weights, export=folder))
    _, metadata, arrays = read_weights(folder / PERCEPTUAL)
    assert json.loads(metadata["config"])["encoder"] == 0 and metadata["kind"] == "perceptual"
    assert not [name for name in arrays if "posterior" in name or name.startswith("encoder")]
    assert {array.dtype for array in arrays.values()} == {np.dtype("float16")}
    with pytest.raises(ValueError, match="lacks generator"):
        train_recipe(tiny_recipe(NAME, 1), Settings(photos, tmp_path / "run", init=weights, export=tmp_path / "empty"))


def test_a_net_begins_as_the_first_generator():
    smooth = Generator(tiny.GENERATOR)
    for parameter in smooth.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    net = drawing_net(smooth)
    x, shapes, index = 200 * torch.rand(1, 3, 64, 32), torch.zeros(1, 2, 4, 2, dtype=torch.int64), torch.tensor([99])
    assert torch.equal(net(x, shapes, index), smooth(x, shapes, index))
    assert net.encoder is None and sum(p.numel() for p in net.parameters()) < sum(
        p.numel() for p in smooth.parameters()
    )


# -- the loss ----------------------------------------------------------------------------------------------------------


def test_draws_that_agree_cost_what_they_lack(task):
    seen = task._batch(Moment(0, 0.0), torch.Generator().manual_seed(0))
    assert torch.equal(seen.photo[:2], seen.photo[2:]) and len(seen.photo) == 4
    usual = (0.45 * task.delta[seen.step_index[:2]] ** 1.25).sqrt()
    for share, lacking in ((0.0, 1.0), (0.25, 0.75), (1.0, 0.0), (3.0, 0.0)):
        drawn = seen.photo.clone()
        drawn[2:] += (share * task.config.difference * usual)[:, None, None, None]
        costs, apart = task._sample(seen, drawn)
        assert float(costs) == pytest.approx(lacking, abs=1e-4)
        assert float(apart) == pytest.approx(float(share * task.config.difference * usual.mean()), rel=1e-4, abs=1e-4)


def test_a_mesh_is_what_repeats_every_four_pixels():
    columns = torch.arange(64.0)
    for period, share in ((4, 1.0), (2, 1.0), (8, 0.0), (16, 0.0), (64, 0.0)):
        waves = (3 * torch.cos(2 * torch.pi * columns / period)).expand(2, 3, 64, 64)
        energy = float(waves[0, 0, 0].square().mean())  # a slope is no mesh either
        for error in (waves, waves.transpose(2, 3)):
            assert float(mesh_of(error + columns)) == pytest.approx(share * energy, abs=0.06 * energy)


def test_a_crop_is_cut_alike_in_all_that_is_seen_of_it(task):
    whole = task.pool.window(0)[0]
    part = whole.cut(1, 0, 2)
    assert part.photo.shape == part.smooth.shape == (1, 3, 64, 64) and part.shapes.shape == (1, 2, 4, 4)
    for ours, theirs in zip(part.pictures, whole.pictures, strict=True):
        assert torch.equal(ours, theirs[:, :, 32:96, :64])
    assert torch.equal(part.shapes, whole.shapes[:, :, 2:6, :4])


def test_the_pool_has_what_a_decoder_has(task, weights):
    """Its smooth picture is the codec's at temperature 0, and its bits are those of the streams."""
    photo = torch.from_numpy(pictures(1, 64, 96)[0]).permute(2, 0, 1)
    coded = task.coder.code(photo, 200, 1)
    codec = hvaecodec.load(weights)
    pixels = photo.permute(1, 2, 0).numpy()
    data = codec.encode(pixels, quality=quality_of(200), effort=1)
    decoded = torch.from_numpy(codec.decode(data)).permute(2, 0, 1).float()
    assert unpack(data).header.step_index == 200
    assert (coded.smooth[0].float().clamp(0, 255) - decoded).abs().max() <= 1.5
    assert float(coded.bpp) == pytest.approx(8 * sum(codec.info(data)["payload_bytes"].values()) / (64 * 96))


def test_a_step_moves_net_and_critic(task):
    before = [next(net.parameters()).clone() for net in (task.net, task.critic)]
    loss, logs = task.loss(Moment(0, 0.0), torch.Generator().manual_seed(1))
    loss.backward()
    assert task.net.scales[0].prior.weight.grad.abs().max() > 0, "what latents are drawn by is trained"
    assert not torch.equal(next(task.critic.parameters()), before[1])
    assert set(logs) >= {"lpips", "shrunk", "error", "score", "sample", "apart", "critic", "real"}
    c = task.config
    expected = c.lpips * logs["lpips"] + c.shrunk * logs["shrunk"] + c.error * logs["error"]
    expected = expected - c.score * logs["score"] + c.sample * logs["sample"] + c.mesh * logs["mesh"]
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-4)


def test_lpips_is_that_of_the_metric_from_every_place(alexnet):
    x, y = (255 * torch.rand(2, 3, 68, 72, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    loss = LpipsLoss(replace(HERE, bf16=False))
    net = lpips_net.load_lpips("alex")
    assert float(loss.plain(x, y)) == pytest.approx(float(net(x / 127.5 - 1, y / 127.5 - 1).mean()), rel=1e-4)
    mirrored = [np.pad(v.numpy(), ((0, 0), (0, 0), (16, 16), (16, 16)), mode="reflect") for v in (x, y)]
    shifts, sizes = set(), set()
    for seed in range(6):
        numbers = torch.Generator().manual_seed(seed)
        top, left = torch.randint(STRIDE, (2,), generator=numbers).tolist()
        size = 0.5 + float(torch.rand((), generator=numbers)) / 4
        full, small = loss(x, y, torch.Generator().manual_seed(seed))
        cut = [torch.tensor(v[:, :, top : top + 96, left : left + 100]) / 127.5 - 1 for v in mirrored]
        assert float(full) == pytest.approx(float(net(*cut).mean()), rel=1e-4)
        sides = round(100 * size), round(104 * size)
        shrunk = [F.interpolate(torch.tensor(v), sides, mode="bilinear", antialias=True) / 127.5 - 1 for v in mirrored]
        assert float(small) == pytest.approx(float(net(*shrunk).mean()), rel=1e-4)
        shifts.add((top, left))
        sizes.add(sides)
    assert len(shifts) > 3 and len(sizes) > 3, "each step sees the pictures from another place"


# -- what cannot work --------------------------------------------------------------------------------------------------


def test_without_weights_of_lpips_there_is_one_line(tmp_path, monkeypatch, photos, weights):
    alexnet_stand_in(tmp_path, monkeypatch)
    with pytest.raises(CodecUnavailable, match=r"^cannot download [^\n]*HVAECODEC_METRIC_WEIGHTS[^\n]*$"):
        train_recipe(tiny_recipe(NAME, 1), Settings(photos, tmp_path / "run", init=weights))


def test_no_training_sees_the_judges():
    """DISTS, LPIPS of VGG16 and the nets of FD-cifar are in no loss: training does not even name what loads them."""
    for path in Path(training.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        assert not [node for node in imported if (node.module or "").startswith("hvaecodec.bench")], path
        assert "VGG16" not in text and 'load_lpips("vgg")' not in text, path
