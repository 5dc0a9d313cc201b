"""CompressAI's own evaluation takes our codec and gives the numbers of whole files: `make test-doors-compressai`."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hvaecodec
from hvaecodec.codec.metric_nets import torchvision_schemas
from hvaecodec.integrations.compressai import CompressModel

pytestmark = pytest.mark.compressai
SIDE = 192  # MS-SSIM wants more than 160, and a multiple of 64 is not padded


@pytest.fixture(scope="module")
def evaluation():
    """The module of `python -m compressai.utils.eval_model`."""
    torchvision_schemas.declare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from compressai.utils.eval_model import __main__ as evaluation
    return evaluation


@pytest.fixture
def folder(tmp_path) -> Path:
    y, x = np.mgrid[:SIDE, :SIDE]
    for name, phase in (("a", 0), ("b", 1)):
        wave = 128 + 100 * np.sin(x / (9 + phase)) * np.cos(y / 13)
        pixels = np.dstack([wave, np.roll(wave, 20, 0), 255 - wave]).round().astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path


def evaluate(evaluation, model, folder, half=False):
    paths = evaluation.collect_images(folder)
    args = {"architecture": "hvaecodec", "half": half, "per_image": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs are not for us to judge
        return evaluation.eval_model(model, folder, folder, paths, **args)


def pictures(folder):
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


@pytest.mark.parametrize("half", [False, True])
def test_the_rate_is_that_of_whole_files_and_the_psnr_that_of_their_pictures(evaluation, folder, half):
    results = evaluate(evaluation, CompressModel(quality=40, effort=1), folder, half)
    files = [hvaecodec.encode(picture, quality=40, effort=1) for picture in pictures(folder)]
    assert results["bpp"] == pytest.approx(np.mean([8 * len(data) / SIDE**2 for data in files]), rel=1e-12)
    errors = [np.subtract(hvaecodec.decode(d), p, dtype=float) for d, p in zip(files, pictures(folder), strict=True)]
    psnr = np.mean([10 * np.log10(255**2 / np.mean(error**2)) for error in errors])
    assert results["psnr-rgb"] == pytest.approx(psnr, abs=0.1 if half else 1e-3), "they average in the model's dtype"
    assert 0 < results["ms-ssim-rgb"] <= 1 and results["encoding_time"] > 0


def test_more_quality_costs_more_and_shows(evaluation, folder):
    low, high = (evaluate(evaluation, CompressModel(quality=q, effort=1), folder) for q in (10, 80))
    assert low["bpp"] < high["bpp"] and low["psnr-rgb"] < high["psnr-rgb"]


def test_a_picture_that_they_pad_is_coded_with_its_border(evaluation, tmp_path):
    """Their padding is part of what is coded, as it is for their own models; the picture comes back without it."""
    pixels = np.full((170, 200, 3), 90, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    results = evaluate(evaluation, CompressModel(quality=90, effort=1), tmp_path)
    assert results["psnr-rgb"] > 30 and results["bpp"] > 0


def test_their_command_takes_a_codec_by_the_name_of_an_architecture(evaluation, folder, monkeypatch, capsys):
    """As docs/doors.md has it: our codec stands in their list of models for the time of one call."""
    monkeypatch.setitem(
        evaluation.pretrained_models, "hvaecodec", lambda quality, **_: CompressModel(quality=quality, effort=1)
    )
    monkeypatch.setattr(sys, "argv", ["eval_model"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluation.main(["pretrained", str(folder), "-a", "hvaecodec", "-q", "20,60"])
    results = json.loads(capsys.readouterr().out)["results"]
    assert len(results["bpp"]) == 2 and results["bpp"][0] < results["bpp"][1]
