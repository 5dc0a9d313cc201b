"""`hvaecodec paper hqa-mnist` and `hqa-faces`: systems train, are measured and stand in tables; runs resume."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from hvaecodec.bench.metrics import features
from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.hqa import mnist
from hvaecodec.bench.papers.hqa.runs import Runs, cell, code_pictures, interval, used_part
from hvaecodec.bench.papers.hqa.weak_digits import WeakClassifier
from hvaecodec.codec.hqa.stack_weights import load_stack
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.models import processor
from hvaecodec.models.hqa.build import make_stack
from hvaecodec.models.hqa.stack import LayerConfig
from hvaecodec.training import small_images
from hvaecodec.training.recipes.hqa import MNIST


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    images = (255 * (rng.random((260, 7, 7)) > 0.7)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    labels = np.zeros(260, np.uint8)
    arrays = {"train_images": images[:20], "test_images": images, "train_labels": labels[:20], "test_labels": labels}
    np.savez(folder / "mnist.npz", **arrays)
    blobs = []
    for colour in rng.integers(0, 256, (90, 3), np.uint8):
        file = io.BytesIO()
        picture = np.broadcast_to(colour, (109, 89, 3)) // 2 + rng.integers(0, 100, (109, 89, 3), np.uint8)
        Image.fromarray(picture.astype(np.uint8)).save(file, "jpeg")
        blobs.append(file.getvalue())
    offsets = np.cumsum([0, *map(len, blobs)])
    numbers = np.array([*range(1, 21), *range(9001, 9071)])
    np.savez(folder / "faces64.npz", jpeg=np.frombuffer(b"".join(blobs), np.uint8), offsets=offsets, celeba_id=numbers)
    return folder


def test_digits_train_measure_and_resume(data, tmp_path, monkeypatch, quiet):
    with monkeypatch.context() as patch:
        patch.setattr(mnist, "_figures", lambda *args: None)
        experiment("hqa-mnist")(PaperSettings(data, tmp_path, "tiny", 1, ("vqvae",)), quiet)
    table, rates = experiment("hqa-mnist")(PaperSettings(data, tmp_path, "tiny", 1, ("hqa",)), quiet)
    assert [row[0] for row in table.rows] == ["No compression", "VQ-VAE (1)", "HQA (1)"]  # also of the other process
    assert [row[-1] for row in table.rows] == ["3.13", "21.6 ± 2.56", "12.4 ± 1.82"]
    assert [row[1] for row in rates.rows] == ["3", "768", "192", "48", "12", "3"]
    for name in ("rates", "digits", "interpolations"):
        assert (tmp_path / "tiny" / f"{name}.png").stat().st_size > 1000
    monkeypatch.setattr("hvaecodec.bench.papers.hqa.runs.train_recipe", lambda *args: pytest.fail("trained again"))
    monkeypatch.setattr(mnist, "_figures", lambda *args: None)
    again = experiment("hqa-mnist")(PaperSettings(data, tmp_path, "tiny", 1, ("hqa", "vqvae")), quiet)
    assert [t.rows for t in again] == [table.rows, rates.rows]
    assert (tmp_path / "tiny" / "tables.md").read_text().count("###") == 2
    shutil.rmtree(tmp_path / "tiny" / "train")
    alone = experiment("hqa-mnist")(PaperSettings(tmp_path, tmp_path, "tiny", only=("recorded",)), quiet)
    assert [t.rows for t in alone] == [table.rows, rates.rows]  # from the records, without data and weights
    path = tmp_path / "tiny" / "runs" / "vqvae-seed0.json"
    assert {"commit", "date", "processor"} <= json.loads(path.read_text()).keys()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stages": 1}))  # of another recipe
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        experiment("hqa-mnist")(PaperSettings(data, tmp_path, "tiny", 1, ("vqvae",)), quiet)


def test_faces_train_and_measure(data, tmp_path, quiet):
    settings = PaperSettings(data, tmp_path, "tiny", 1, ("vqvae-144",))
    (table,) = experiment("hqa-faces")(settings, quiet)
    assert [row[:2] for row in table.rows] == [("VQ-VAE", "48")]
    (alone,) = experiment("hqa-faces")(PaperSettings(tmp_path, tmp_path, "tiny", only=("recorded",)), quiet)
    assert alone == table
    assert (tmp_path / "tiny" / "faces.png").is_file() and "modes: FD-cifar" in table.markdown()


def test_an_unknown_system_is_an_error(tmp_path):
    runs = Runs(PaperSettings(tmp_path, tmp_path, only=("hqa", "hqb")), MNIST)
    with pytest.raises(ValueError, match="no system 'hqb'; there are vqvae, hams"):
        runs.choose()


def test_samples_of_a_picture_do_not_depend_on_the_batch(monkeypatch):
    torch.manual_seed(0)
    stack = make_stack([LayerConfig(1, 4, 4, dim=6, codes=8), LayerConfig(6, 4, 4, dim=6, codes=8)]).freeze()
    rows = torch.randint(256, (6, 1, 8, 8), dtype=torch.uint8)
    whole = code_pictures(stack, rows, 1, seed=5)
    monkeypatch.setattr("hvaecodec.bench.papers.hqa.runs._BATCH", 4)
    parts = code_pictures(stack, rows, 1, seed=5)
    assert torch.equal(whole.indices, parts.indices)
    torch.testing.assert_close(whole.pictures, parts.pictures)
    assert not torch.allclose(whole.pictures, code_pictures(stack, rows, 1, seed=6).pictures)


@pytest.mark.parametrize("faster", [True, False])
def test_pictures_are_coded_in_bfloat16_only_where_that_is_faster(faster, monkeypatch):
    """A processor without it takes twenty times as long."""
    monkeypatch.setattr(processor, "bfloat16_is_faster", lambda: faster)
    stack, types = make_stack([LayerConfig(1, 4, 4, dim=6, codes=8)]).freeze(), []
    for net in (stack[0].encoder, stack[0].decoder):
        net.register_forward_hook(lambda module, inputs, out: types.append(out.dtype))
    decoded = code_pictures(stack, torch.zeros(2, 1, 8, 8, dtype=torch.uint8), 0)
    assert types == [torch.bfloat16 if faster else torch.float32] * 2 and decoded.pictures.dtype == torch.float32


def test_distances_of_originals_are_those_of_no_compression(data):
    rng = np.random.default_rng(1)
    test = rng.integers(0, 256, (260, 32, 32), np.uint8)
    distances = mnist.measure_distances(torch.from_numpy(test)[:, None].float() / 255, test, np.zeros(260, np.int64))
    assert distances["mse"] == pytest.approx(0, abs=1e-9)
    assert distances["rfd"] == pytest.approx(0, abs=1e-3)
    assert 0 <= distances["error_percent"] <= 100


@pytest.mark.data
def test_the_weak_classifier_is_about_as_weak_as_the_papers(data_dir):
    digits = small_images.mnist32(data_dir)
    weak = WeakClassifier(digits.train, digits.train_labels)
    assert 0.025 < weak.errors(digits.test, digits.test_labels) < 0.04  # printed: 0.0313
    blurred = torch.nn.functional.avg_pool2d(torch.from_numpy(digits.test).float(), 5, 1, 2).numpy() / 255
    assert weak.errors(blurred, digits.test_labels) > features.digit_errors(blurred, digits.test_labels)


def test_a_weak_classifier_is_the_same_every_time():
    rng = np.random.default_rng(0)
    train, labels = rng.integers(0, 256, (300, 32, 32), np.uint8), rng.integers(0, 10, 300)
    one, two = WeakClassifier(train, labels), WeakClassifier(train, labels)
    assert all(torch.equal(a, b) for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True))
    assert one.errors(train, labels) < 0.5  # of what it was trained on, where chance is 0.9


@pytest.mark.data
def test_the_layers_in_the_package_keep_most_digits_in_eight_bits(data_dir):
    digits = small_images.mnist32(data_dir)
    test, labels = digits.test[:1000], digits.test_labels[:1000]
    stack = load_stack(WEIGHTS / "hqa-mnist")
    rows = torch.from_numpy(test)[:, None]
    samples = mnist.measure_distances(code_pictures(stack, rows, 4, 0).pictures, test, labels)
    assert samples["mse"] < 0.045 and samples["error_percent"] < 20 and samples["rfd"] < 3
    fine = mnist.measure_distances(code_pictures(stack, rows, 1).pictures, test, labels)
    assert fine["mse"] < 0.003 and fine["error_percent"] < 1.5


def test_intervals_are_students():
    assert interval([3.0]) == (3.0, 0.0)
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == pytest.approx(2) and half == pytest.approx(4.302653 / 3**0.5)
    assert cell([1.0, 2.0, 3.0], 2) == "2.00 ± 2.48" and cell([1.0], 1) == "1.0" and cell([], 1) == "–"
    assert used_part(torch.arange(4), 8) == 0.5
